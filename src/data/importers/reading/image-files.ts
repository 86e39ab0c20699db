import type { Dirent } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TextDecoder } from 'node:util';
import { DataError, UsageError } from '../../../errors/index.ts';

const IMAGE_FILE = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

/** What a folder holds, in the order of the names. Every entry of it is in exactly one of the lists but `files`. */
export interface Listing {
  folders: string[];
  /** Files that are called like an image of a known kind. */
  images: string[];
  /** Other files. */
  others: string[];
  /** Images and others. */
  files: string[];
  /** What begins with a dot, or is put into folders by a system: `Thumbs.db`, `__MACOSX`. */
  hidden: string[];
  /** What is neither file nor folder: links that lead nowhere, pipes. */
  odd: string[];
}

const SYSTEM = /^(\..*|__MACOSX|Thumbs\.db|desktop\.ini)$/i;

/**
 * Lists a folder. A link is what it leads to.
 *
 * @throws {UsageError} when there is no such folder
 * @throws {DataError} for a name that is not UTF-8: two such names can look the same
 */
export async function listFolder(dir: string): Promise<Listing> {
  const entries = await readdir(dir, { withFileTypes: true, encoding: 'buffer' }).catch(
    (cause: NodeJS.ErrnoException) => {
      const reason = { ENOENT: 'no such folder', ENOTDIR: 'is a file, not a folder' }[cause.code ?? ''];
      throw new UsageError(`${dir}: ${reason ?? cause.message}`, { cause });
    },
  );
  const listing: Listing = { folders: [], images: [], others: [], files: [], hidden: [], odd: [] };
  for (const entry of entries) {
    const name = nameOf(entry, dir);
    const kind = SYSTEM.test(name) ? 'hidden' : await kindOf(entry, join(dir, name));
    if (kind === 'file') listing[IMAGE_FILE.test(name) ? 'images' : 'others'].push(name);
    else listing[kind].push(name);
  }
  for (const list of Object.values(listing)) list.sort(byCodeUnit);
  listing.files = [...listing.images, ...listing.others].sort(byCodeUnit);
  return listing;
}

/** Names without their ending, with what they end in: `1.tar.gz` is `1.tar` and `.gz`. */
export function stemOf(file: string): string {
  return file.replace(/\.[^./\\]*$/, '');
}

function nameOf(entry: Dirent<Buffer>, dir: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(entry.name);
  } catch (cause) {
    throw new DataError(`${dir}: holds ${JSON.stringify(entry.name.toString())}, a name that is not UTF-8`, {
      cause,
    });
  }
}

async function kindOf(entry: Dirent<Buffer>, path: string): Promise<'file' | 'folders' | 'odd'> {
  const link = entry.isSymbolicLink();
  const kind = link ? await stat(path).catch(() => undefined) : entry;
  if (kind?.isDirectory()) return 'folders';
  return kind?.isFile() ? 'file' : 'odd';
}

const byCodeUnit = (a: string, b: string) => (a < b ? -1 : Number(a > b));
