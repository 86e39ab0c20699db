import { open, stat } from 'node:fs/promises';
import { RunError, UsageError } from '../errors/index.ts';
import { cannotBeWritten } from '../files/index.ts';

/** The part of a `FileHandle` that appending needs. */
export interface WritableHandle {
  write(
    data: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }>;
  datasync(): Promise<void>;
  close(): Promise<void>;
}

/** A chunk that waits for its turn: its bytes, or null while they are being made. */
interface Chunk {
  bytes: Uint8Array | null;
  made: Promise<void> | null;
}

/**
 * A file that grows by chunks, in the order of the calls of `append`, also when some of them are promises.
 *
 * Chunks go to the operating system in the background, as soon as the event loop is free. When a write fails,
 * what was not written stays queued and the next write goes on at the same byte: after a disk-full error
 * nothing is lost or written twice.
 */
export class AppendFile {
  readonly path: string;
  readonly #handle: WritableHandle;
  #position = 0;
  #queue: Chunk[] = [];
  #unmade: unknown = null;
  #scheduled = false;
  #lastWrite: Promise<void> = Promise.resolve();
  #closing: Promise<void> | null = null;

  constructor(path: string, handle: WritableHandle) {
    this.path = path;
    this.#handle = handle;
  }

  /**
   * Creates a new file.
   *
   * @throws the system's error, with code EEXIST when the file is already there
   */
  static async create(path: string): Promise<AppendFile> {
    return new AppendFile(path, await open(path, 'wx'));
  }

  /**
   * Queues a chunk; a promise holds its place in the order.
   *
   * @throws {UsageError} after `close`
   */
  append(bytes: Uint8Array | Promise<Uint8Array>): void {
    if (this.#closing) throw new UsageError(`${this.path}: appended to after it was closed`);
    const chunk: Chunk = { bytes: null, made: null };
    if (bytes instanceof Uint8Array) {
      chunk.bytes = bytes;
    } else {
      chunk.made = bytes.then(
        (made) => {
          chunk.bytes = made;
        },
        (error: unknown) => {
          this.#unmade ??= error;
          chunk.bytes = new Uint8Array();
        },
      );
    }
    this.#queue.push(chunk);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      // A failure leaves its chunks queued; whoever flushes next meets it.
      this.#write().catch(() => {});
    });
  }

  /**
   * Resolves when everything appended so far is on the disk.
   *
   * @throws {RunError} when it cannot be: the disk is full, the file or its folder is gone
   */
  async flush(): Promise<void> {
    try {
      await this.#write();
      await this.#handle.datasync();
      await stat(this.path); // a deleted file swallows writes without an error
    } catch (error) {
      throw cannotBeWritten(this.path, error);
    }
    if (this.#unmade !== null) {
      const cause = this.#unmade;
      this.#unmade = null;
      throw new RunError(`${this.path}: a record could not be made: ${reason(cause)}`, { cause });
    }
  }

  /**
   * Flushes and closes; a second call returns the first one's promise.
   *
   * @throws {RunError} as `flush` does, after the file was closed
   */
  close(): Promise<void> {
    this.#closing ??= this.flush().finally(() => this.#handle.close());
    return this.#closing;
  }

  #write(): Promise<void> {
    this.#lastWrite = this.#lastWrite.catch(() => {}).then(() => this.#writeQueue());
    return this.#lastWrite;
  }

  async #writeQueue(): Promise<void> {
    while (this.#queue.length > 0) {
      await this.#queue[0]!.made;
      const unready = this.#queue.findIndex((chunk) => chunk.bytes === null);
      const ready = this.#queue.splice(0, unready < 0 ? this.#queue.length : unready);
      const data = Buffer.concat(ready.map((chunk) => chunk.bytes!));
      let written = 0;
      try {
        while (written < data.length) {
          const rest = data.length - written;
          const { bytesWritten } = await this.#handle.write(data, written, rest, this.#position);
          written += bytesWritten;
          this.#position += bytesWritten;
        }
      } catch (error) {
        this.#queue.unshift({ bytes: data.subarray(written), made: null });
        throw error;
      }
    }
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
