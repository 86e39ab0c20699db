import { join } from 'node:path';
import { isClipFile } from '../../clips/index.ts';
import { listFolder } from '../reading/image-files.ts';

/**
 * The clips below a folder: files called like one, and folders that hold pictures and no folders.
 *
 * @param tell takes what was left out, and where
 * @returns paths under the folder, with `/` between the parts; '' for the folder itself
 * @throws {UsageError} when there is no such folder
 */
export async function listClips(
  dir: string,
  tell: (what: string, where: string) => void,
  under = '',
): Promise<string[]> {
  const here = join(dir, under);
  const { images, others, folders } = await listFolder(here);
  const inside = (name: string) => (under ? `${under}/${name}` : name);
  const frames = images.filter((name) => !isClipFile(name));
  if (frames.length > 0 && folders.length === 0) return [under];
  for (const name of frames) tell('pictures left out, they lie beside folders', join(here, name));
  for (const name of others) {
    if (!isClipFile(name)) tell('files left out, they are no clip of a known kind', join(here, name));
  }
  const files = [...images, ...others].filter((name) => isClipFile(name));
  const nested: string[] = [];
  for (const name of folders) nested.push(...(await listClips(dir, tell, inside(name))));
  return [...files.map(inside), ...nested].sort(byCodeUnit);
}

const byCodeUnit = (a: string, b: string) => (a < b ? -1 : Number(a > b));
