import { type FileHandle, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { makeFolder, syncFolder, temporaryName } from './folder.ts';
import { type WriteError, writing } from './writing.ts';

/** Small writes are collected until so many bytes are together. */
const chunkBytes = 1 << 18;

/**
 * A file that is written piece by piece under a name of its own, and gets its real name when it is whole: a reader sees
 * the old file or the new one, never a half. Calls wait for one another.
 *
 *     const file = await GrowingFile.create(path);
 *     try {
 *       for await (const piece of pieces) await file.write(piece);
 *       await file.finish();
 *     } catch (error) {
 *       await file.abandon();
 *       throw error;
 *     }
 */
export class GrowingFile {
  /** The name that it will have. */
  readonly path: string;
  readonly #temporary: string;
  readonly #as: WriteError | undefined;
  #handle: FileHandle | undefined;
  #waiting: Uint8Array[] = [];
  #bytes = 0;

  private constructor(path: string, temporary: string, handle: FileHandle, as: WriteError | undefined) {
    this.path = path;
    this.#temporary = temporary;
    this.#handle = handle;
    this.#as = as;
  }

  /**
   * @param path its folder is made when it is not there
   * @param options.as the error of a write that fails. @default RunError
   * @param options.temporary its name until it is whole, in the same folder
   */
  static async create(
    path: string,
    { as, temporary = temporaryName(path) }: { as?: WriteError; temporary?: string } = {},
  ): Promise<GrowingFile> {
    return await writing(
      path,
      async () => {
        await makeFolder(dirname(path));
        return new GrowingFile(path, temporary, await open(temporary, 'wx'), as);
      },
      as,
    );
  }

  async write(piece: string | Uint8Array): Promise<void> {
    const bytes = typeof piece === 'string' ? Buffer.from(piece) : piece;
    this.#waiting.push(bytes);
    this.#bytes += bytes.length;
    if (this.#bytes >= chunkBytes) await writing(this.path, () => this.#flush(), this.#as);
  }

  /** Brings all of it to the disk and closes it; it still has its temporary name. */
  async close(): Promise<void> {
    const handle = this.#handle;
    if (!handle) return;
    await writing(
      this.path,
      async () => {
        await this.#flush();
        await handle.sync();
        this.#handle = undefined;
        await handle.close();
      },
      this.#as,
    );
  }

  /**
   * Closes it and gives it its name.
   *
   * @param path another one than was planned, in the same folder
   */
  async finish(path = this.path): Promise<void> {
    await this.close();
    await writing(
      path,
      async () => {
        await rename(this.#temporary, path);
        await syncFolder(dirname(path));
      },
      this.#as,
    );
  }

  /** Leaves nothing behind. For the way out after an error, so it throws none of its own. */
  async abandon(): Promise<void> {
    const handle = this.#handle;
    this.#handle = undefined;
    this.#waiting = [];
    await handle?.close().catch(() => {});
    await rm(this.#temporary, { force: true }).catch(() => {});
  }

  async #flush(): Promise<void> {
    if (this.#bytes === 0) return;
    const data = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#bytes = 0;
    await this.#handle!.appendFile(data);
  }
}
