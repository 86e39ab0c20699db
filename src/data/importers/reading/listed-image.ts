import { readdirSync, statSync } from 'node:fs';
import { basename, dirname, isAbsolute, join, relative } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { listFolder } from './image-files.ts';

/**
 * The file of an image that an annotation file names: relative to the folder of the images or absolute, with the
 * backslashes of another system, and where an absolute path is that of another machine, the file of its name in the
 * folder.
 *
 * @param where beginning of the error message
 * @throws {DataError} for a name that is no path, and when there is no such file
 */
export function listedImage(dir: string, name: string, where: string, tell: TellNote = () => {}): string {
  if (name.includes('\0')) throw new DataError(`${where}: the name of the image holds a NUL character`);
  if (/^[a-z]{2,}:\/\//i.test(name) && !name.startsWith('file://')) {
    throw new DataError(`${where}: ${name} is an address, not a file; download the images first`);
  }
  const plain = name.replace(/^file:\/\//, '');
  const slashed = plain.replaceAll('\\', '/');
  const paths = [plain, slashed].map((path) => (isAbsolute(path) ? path : join(dir, path)));
  const found = paths.find(isFile);
  if (found) return found;
  const foreign = isAbsolute(plain) || /^[a-z]:\//i.test(slashed);
  const local = join(dir, basename(slashed));
  if (foreign && isFile(local)) {
    tell('absolute paths that do not exist here: the file of the same name is taken', `${name}: ${local}`);
    return local;
  }
  throw new DataError(`${where}: ${paths[0]} ${missing(paths[0]!)}`);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}

/** Says what is there instead: a folder, or the same name in other letters. */
function missing(path: string): string {
  const status = statSync(path, { throwIfNoEntry: false });
  if (status) return status.isDirectory() ? 'is a folder' : 'is no plain file';
  try {
    const fold = (name: string) => name.normalize('NFC').toLowerCase();
    const similar = readdirSync(dirname(path)).find((other) => fold(other) === fold(basename(path)));
    if (similar) return `does not exist (there is ${similar})`;
  } catch {
    // The folder itself is missing, which the path says.
  }
  return 'does not exist';
}

/** Tells of the images in the folders of listed ones that the list leaves out. */
export async function tellUnlisted(
  dir: string,
  listed: ReadonlySet<string>,
  list: string,
  tell: TellNote,
): Promise<void> {
  for (const folder of new Set([...listed].map((path) => dirname(path)))) {
    const { images } = await listFolder(folder);
    for (const image of images) {
      const path = join(folder, image);
      if (!listed.has(path))
        tell(`images left out, ${basename(list)} does not list them`, relative(dir, path));
    }
  }
}
