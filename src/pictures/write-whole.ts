import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { RunError } from '../errors/index.ts';

/**
 * Writes a file, and the folders that it lies in: a reader sees the old file or the new one, never a half.
 *
 * @throws RunError when it cannot be written
 */
export async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  const fresh = `${path}.tmp`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(fresh, content);
    await rename(fresh, path);
  } catch (cause) {
    await rm(fresh, { force: true });
    throw new RunError(`${path}: cannot be written: ${(cause as Error).message}`, { cause });
  }
}
