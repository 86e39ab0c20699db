import { readFile, stat } from 'node:fs/promises';
import { DataError, type GainError } from '../errors/index.ts';

/** More than any image or list of a data set has; what comes in larger files is read in pieces. */
const MOST = 2 ** 30;

/**
 * Reads a whole file that came from elsewhere: a plain file (reading a pipe might never end) of bounded size.
 *
 * @param most bytes that it may have @default 1 GiB
 * @throws {DataError} or `Failure`, `file: no such file`, `file: is a folder`, `file: has 3 bytes, the most is 2`
 */
export async function readBytes(
  path: string,
  most = MOST,
  Failure: new (message: string, options?: ErrorOptions) => GainError = DataError,
): Promise<Buffer> {
  try {
    const status = await stat(path);
    if (status.isDirectory()) throw new Failure(`${path}: is a folder`);
    if (!status.isFile()) throw new Failure(`${path}: is no plain file`);
    if (status.size > most) throw new Failure(`${path}: has ${status.size} bytes, the most is ${most}`);
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof Failure) throw cause;
    throw new Failure(`${path}: ${fileFault(cause)}`, { cause });
  }
}

/** What the system says of a file, in a few words. */
export function fileFault(cause: unknown): string {
  const { code, message } = cause as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'no such file';
  if (code === 'EISDIR') return 'is a folder';
  if (code === 'EACCES') return 'may not be read';
  return message;
}
