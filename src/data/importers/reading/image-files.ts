import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { UsageError } from '../../../errors/index.ts';

const IMAGE_FILE = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

/** What a folder holds, in the order of the names, without hidden files. */
export interface Listing {
  folders: string[];
  images: string[];
  files: string[];
}

/** @throws {UsageError} when there is no such folder */
export async function listFolder(dir: string): Promise<Listing> {
  const entries: Dirent[] = await readdir(dir, { withFileTypes: true }).catch(
    (cause: NodeJS.ErrnoException) => {
      throw new UsageError(`${dir}: ${cause.code === 'ENOENT' ? 'no such folder' : cause.message}`, {
        cause,
      });
    },
  );
  const seen = entries.filter(({ name }) => !name.startsWith('.')).sort((a, b) => (a.name < b.name ? -1 : 1));
  const files = seen.filter((entry) => !entry.isDirectory()).map(({ name }) => name);
  return {
    folders: seen.filter((entry) => entry.isDirectory()).map(({ name }) => name),
    images: files.filter((name) => IMAGE_FILE.test(name)),
    files,
  };
}
