import { existsSync } from 'node:fs';
import { basename, extname, join } from 'node:path';
import { DataError } from '../../errors/index.ts';
import type { ImageExample, ImageObject } from '../image-example.ts';
import type { ImportItem, ImportSource } from './import-run/import-examples.ts';
import { type Listing, listFolder } from './reading/image-files.ts';
import { readMaskFile } from './reading/mask-file.ts';
import { readImage } from './reading/stored-image.ts';

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
      items.push({
        split,
        labels: [label],
        load: () => loadImage(dir, join(path, image), label, maskFile, resize),
      });
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
  const objects: ImageObject[] = [];
  if (maskFile && existsSync(maskFile)) {
    const object = await readMaskFile(maskFile, original, image);
    objects.push({ class: label, ...object });
  }
  return { ...image, filename: path, labels: [label], objects };
}
