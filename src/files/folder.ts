import { randomBytes } from 'node:crypto';
import { mkdir, open } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** What systems answer that cannot sync a folder, or do not let this user open it. */
const notPossible = new Set(['EACCES', 'EBADF', 'EINVAL', 'EISDIR', 'ENOSYS', 'ENOTSUP', 'EPERM']);

/**
 * Brings the names in a folder to the disk. A rename is only then sure to outlive a power failure; where a system cannot
 * do that (Windows, some network disks) nothing is done.
 */
export async function syncFolder(path: string): Promise<void> {
  try {
    const handle = await open(path, 'r');
    await handle.sync().finally(() => handle.close());
  } catch (error) {
    if (!notPossible.has((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
}

/** Makes a folder and those that it lies in, with the rights that the user's umask gives, and syncs what is new. */
export async function makeFolder(path: string): Promise<void> {
  const folder = resolve(path);
  const first = await mkdir(folder, { recursive: true });
  if (first === undefined) return;
  for (let at = folder; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
}

/**
 * A name beside `path` that no other process and no other call uses, for what is not whole yet. A kill may leave it
 * behind; it ends in `.tmp`, and whoever holds the folder's lock may delete it.
 */
export function temporaryName(path: string): string {
  return `${resolve(path)}.${randomBytes(4).toString('hex')}.tmp`;
}
