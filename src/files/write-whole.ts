import { open, rename, rm, stat, truncate } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { makeFolder, syncFolder, temporaryName } from './folder.ts';
import { type WriteError, writing } from './writing.ts';

export interface WriteOptions {
  /**
   * Whether the file is on the disk when the call returns. `false` is for files of which there are thousands and which
   * can be made again.
   * @default true
   */
  readonly durable?: boolean;
  /** The error when it cannot be written. @default RunError */
  readonly as?: WriteError;
}

/**
 * Writes a file, and the folders that it lies in: a reader sees the old file or the new one, never a half.
 *
 * Temporary file, fsync, rename, fsync of the folder.
 *
 * @throws `as` when it cannot be written; nothing is left of it then
 */
export async function writeWhole(
  path: string,
  content: string | Uint8Array,
  { durable = true, as }: WriteOptions = {},
): Promise<void> {
  await writing(
    path,
    async () => {
      await makeFolder(dirname(path));
      const fresh = temporaryName(path);
      try {
        await writeDurably(fresh, content, durable);
        await rename(fresh, path);
      } catch (error) {
        await rm(fresh, { force: true }).catch(() => {});
        throw error;
      }
      if (durable) await syncFolder(dirname(path));
    },
    as,
  );
}

/** {@link writeWhole} of a value as JSON, indented by two blanks. */
export async function writeJson(path: string, value: unknown, options?: WriteOptions): Promise<void> {
  await writeWhole(path, `${JSON.stringify(value, null, 2)}\n`, options);
}

/**
 * Writes the files of a folder. A folder that does not exist yet appears complete or not at all; in one that exists,
 * the files are replaced one after the other, in the order given, when all of them are on the disk.
 *
 * @param files name in the folder, content
 * @throws `as` when they cannot be written; nothing is left of them then
 */
export async function writeFolder(
  path: string,
  files: readonly (readonly [name: string, content: string | Uint8Array])[],
  as?: WriteError,
): Promise<void> {
  await writing(
    path,
    async () => {
      const fresh = temporaryName(path);
      try {
        await makeFolder(fresh);
        for (const [name, content] of files) await writeDurably(join(fresh, name), content, true);
        await syncFolder(fresh);
        if (await exists(path)) {
          for (const [name] of files) await rename(join(fresh, name), join(path, name));
          await syncFolder(path);
        } else {
          await rename(fresh, path);
          await syncFolder(dirname(path));
        }
      } finally {
        await rm(fresh, { recursive: true, force: true }).catch(() => {});
      }
    },
    as,
  );
}

/**
 * Adds to the end of a file, which is made when it is not there: all of it or nothing.
 *
 * @throws `as` when it cannot be written; the file is as long as before then, and an empty one is gone
 */
export async function appendWhole(
  path: string,
  content: string | Uint8Array,
  as?: WriteError,
): Promise<void> {
  await writing(
    path,
    async () => {
      const handle = await open(path, 'a');
      try {
        const { size } = await handle.stat();
        try {
          await handle.appendFile(content);
        } catch (error) {
          await (size === 0 ? rm(path) : truncate(path, size)).catch(() => {});
          throw error;
        }
      } finally {
        await handle.close();
      }
    },
    as,
  );
}

/**
 * Gives a file that another process has written its name, when its content is on the disk.
 *
 * @throws `as` when that cannot be
 */
export async function publishFile(temporary: string, path: string, as?: WriteError): Promise<void> {
  await writing(
    path,
    async () => {
      const handle = await open(temporary, 'r+');
      await handle.sync().finally(() => handle.close());
      await rename(temporary, path);
      await syncFolder(dirname(path));
    },
    as,
  );
}

async function writeDurably(path: string, content: string | Uint8Array, durable: boolean): Promise<void> {
  const handle = await open(path, 'wx');
  try {
    await handle.writeFile(content);
    if (durable) await handle.sync();
  } finally {
    await handle.close();
  }
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  );
}
