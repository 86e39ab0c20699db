import { basename, dirname, join } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { listFolder, stemOf } from '../reading/image-files.ts';
import { tellOdd } from './layout.ts';

/** What people add to the name of an image for its mask. */
const SUFFIX = /[-_. ](masks?|seg|segm|segmentation|gt|groundtruth|ground_truth)$/i;

/**
 * Finds the mask of each image: the same path, the same name with `_mask` or the like behind it, or, in a folder that
 * is not one of those of the images, a file of the same name where only one image has it. Masks that belong to
 * no image are told.
 *
 * @param files of the masks, under `dir`; see {@link listMasks}
 * @param images their paths under their folder, with `/` between the parts
 * @returns the mask file of each image that has one
 * @throws {DataError} when there are masks and none of them belongs to an image
 */
export function matchMasks(
  dir: string,
  files: readonly string[],
  images: readonly string[],
  tell: TellNote,
): Map<string, string> {
  const byPath = grouped(images, stemOf);
  const byName = grouped(images, (image) => stemOf(basename(image)));
  // A mask in the folder of a class is not that of an image of another class.
  const folders = new Set(images.map((image) => dirname(image)).filter((folder) => folder !== '.'));
  const found = new Map<string, string>();
  const rounds: ((mask: string) => string[])[] = [
    (mask) => byPath.get(stemOf(mask)) ?? [],
    (mask) => byPath.get(stemOf(mask).replace(SUFFIX, '')) ?? [],
    (mask) => {
      if (folders.has(dirname(mask))) return [];
      const name = stemOf(basename(mask));
      return byName.get(name) ?? byName.get(name.replace(SUFFIX, '')) ?? [];
    },
  ];
  let left = files;
  for (const [round, candidates] of rounds.entries()) {
    const rest: string[] = [];
    for (const mask of left) {
      const owners = candidates(mask);
      const places = new Set(owners.map(stemOf));
      if (owners.length === 0) rest.push(mask);
      else if (round === 2 && places.size > 1) {
        tell(
          'masks left out, several images are called so',
          `${join(dir, mask)}: ${owners.slice(0, 2).join(', ')}`,
        );
      } else if (owners.every((image) => found.has(image))) {
        tell('masks left out, their image has one already', join(dir, mask));
      } else for (const image of owners) found.set(image, join(dir, mask));
    }
    left = rest;
  }
  for (const mask of left) tell('masks left out, no image is called so', join(dir, mask));
  if (found.size === 0) {
    const example = left[0] ?? files[0];
    throw new DataError(
      example
        ? `${dir}: none of the ${files.length} masks belongs to an image: ${example} is called like none, for instance like ${images[0] ?? 'one'}`
        : `${dir}: holds no mask of a known kind`,
    );
  }
  return found;
}

/** Images that are called like the mask of an image beside them. */
export function masksAmong(images: readonly string[]): string[] {
  const stems = new Set(images.map(stemOf));
  return images.filter((image) => SUFFIX.test(stemOf(image)) && stems.has(stemOf(image).replace(SUFFIX, '')));
}

function grouped(images: readonly string[], keyOf: (image: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const image of images) {
    const key = keyOf(image);
    groups.set(key, [...(groups.get(key) ?? []), image]);
  }
  return groups;
}

/** The images in a folder and the folders in it, which are masks. Files of other kinds are told. */
export async function listMasks(dir: string, tell: TellNote, under = ''): Promise<string[]> {
  const here = join(dir, under);
  const listing = await listFolder(here);
  tellOdd(listing, here, tell);
  const paths = listing.images.map((image) => (under ? `${under}/${image}` : image));
  for (const folder of listing.folders) {
    paths.push(...(await listMasks(dir, tell, under ? `${under}/${folder}` : folder)));
  }
  return paths;
}
