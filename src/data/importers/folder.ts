import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { DataError } from '../../errors/index.ts';
import { decodeMask } from '../image-decoding.ts';
import type { ImageExample, ImageObject } from '../image-example.ts';
import { type Listing, listFolder } from './image-files.ts';
import type { ImportItem, ImportSource } from './import-examples.ts';
import { boxOfMask, encodeMask, readImage } from './stored-image.ts';

export interface FolderOptions {
  /** A folder laid out like `dir`, with a PNG for each image that has a mask: the same name, not 0 in the object. */
  masks?: string;
  /** Shrink larger images to this longest side. */
  resize?: number;
}

/**
 * Finds images in class folders: `dir/<class>/<image>`, or `dir/<split>/<class>/<image>`.
 */
export async function findFolders(dir: string, { masks, resize }: FolderOptions = {}): Promise<ImportSource> {
  const top = await listFolder(dir);
  const children = await Promise.all(
    top.folders.map(async (name) => [name, await listFolder(join(dir, name))] as const),
  );
  const splitFolders = children.some(([, { folders }]) => folders.length > 0);
  const found: [split: string, name: string, listing: Listing][] = [];
  for (const [name, listing] of children) {
    if (!splitFolders) found.push(['train', name, listing]);
    else
      for (const folder of listing.folders)
        found.push([name, folder, await listFolder(join(dir, name, folder))]);
  }
  if (found.length === 0) {
    throw new DataError(
      `${dir}: holds no class folders: expected ${join(dir, '<class>', '<image>')} or ${join(dir, '<split>', '<class>', '<image>')}`,
    );
  }

  const classes = [...new Set(found.map(([, name]) => name))].sort();
  const items: ImportItem[] = [];
  const problems: DataError[] = [];
  for (const [split, name, { images }] of found) {
    const path = splitFolders ? join(split, name) : name;
    if (images.length === 0)
      problems.push(new DataError(`${join(dir, path)}: the class folder holds no image`));
    for (const image of images) {
      const maskFile = masks && join(masks, path, `${basename(image, extname(image))}.png`);
      const label = classes.indexOf(name);
      items.push({ split, load: () => loadImage(dir, join(path, image), label, maskFile, resize) });
    }
  }
  return { format: 'folder', classes, multiLabel: false, items, problems };
}

async function loadImage(
  dir: string,
  path: string,
  label: number,
  maskFile: string | undefined,
  resize: number | undefined,
): Promise<ImageExample> {
  const { original, ...image } = await readImage(join(dir, path), resize);
  const sideways = original.orientation >= 5;
  const full = sideways ? { width: original.height, height: original.width } : original;
  const objects: ImageObject[] = [];
  if (maskFile && existsSync(maskFile)) {
    const mask = await decodeMask(await readFile(maskFile), full, maskFile);
    const box = boxOfMask(mask, full.width, full.height);
    if (!box) throw new DataError(`${maskFile}: the mask is empty`);
    objects.push({ class: label, ...box, mask: await encodeMask(mask, full.width, full.height, image) });
  }
  return { ...image, filename: path, labels: [label], objects };
}
