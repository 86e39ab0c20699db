import { join, resolve } from 'node:path';
import type { ImageExample } from '../../image-example.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes } from '../import-run/import-notes.ts';
import { readConfounderFile, readMaskFile } from '../reading/mask-file.ts';
import { readImage } from '../reading/stored-image.ts';
import { type PlacedImage, readLayout, readLevels } from './layout.ts';
import { listMasks, masksAmong, matchMasks } from './matching-masks.ts';

export interface FolderOptions {
  /**
   * A folder with a mask for some of the images, not 0 in the object: laid out like `dir` with the same names, or the
   * same with `_mask` behind them. It may be `dir` itself; files called like the mask of another are then masks.
   */
  masks?: string;
  /** A folder like `masks`, of what must not matter in the images, whatever their class: not 0 on it. */
  confounders?: string;
  /** What the levels of folders stand for, e.g. `split/group/class`. @default `class` or `split/class`, found out */
  levels?: string;
  /** Shrink larger images to this longest side. */
  resize?: number;
}

/**
 * Finds images in class folders: `dir/<class>/<image>`, or `dir/<split>/<class>/<image>`, or as `levels` says.
 *
 * @throws {DataError} when there are no class folders, when it is not plain which they are, or no mask fits
 */
export async function findFolders(dir: string, options: FolderOptions = {}): Promise<ImportSource> {
  const notes = new ImportNotes();
  const layout = await readLayout(
    dir,
    options.levels === undefined ? undefined : readLevels(options.levels),
    notes.tell,
  );
  const paths = layout.images.map(({ path }) => path);
  const looksLikeMask = new Set(masksAmong(paths));
  const beside = options.masks !== undefined && resolve(options.masks) === resolve(dir);
  if (!beside) {
    for (const path of looksLikeMask) {
      notes.tell('images that are called like the mask of another, imported as images', join(dir, path));
    }
  }
  const images = beside ? layout.images.filter(({ path }) => !looksLikeMask.has(path)) : layout.images;
  let masks = new Map<string, string>();
  if (options.masks !== undefined) {
    const files = beside ? [...looksLikeMask] : await listMasks(options.masks, notes.tell);
    masks = matchMasks(
      options.masks,
      files,
      images.map(({ path }) => path),
      notes.tell,
    );
  }

  const labelOf = new Map(layout.classes.map((name, index) => [name, index]));
  const confounders =
    options.confounders === undefined
      ? new Map<string, string>()
      : matchMasks(
          options.confounders,
          await listMasks(options.confounders, notes.tell),
          images.map(({ path }) => path),
          notes.tell,
        );

  const items = images.map((image): ImportItem => {
    const label = labelOf.get(image.class) ?? -1;
    return {
      split: image.split,
      name: image.path,
      labels: [label],
      ...(image.group !== undefined && { group: image.group }),
      load: () =>
        loadImage(dir, image, label, {
          mask: masks.get(image.path),
          confounder: confounders.get(image.path),
          resize: options.resize,
        }),
    };
  });
  const { classes, problems } = layout;
  return { format: 'folder', classes, multiLabel: false, items, problems, notes: notes.list };
}

async function loadImage(
  dir: string,
  { path }: PlacedImage,
  label: number,
  files: { mask: string | undefined; confounder: string | undefined; resize: number | undefined },
): Promise<ImageExample> {
  const { original, ...image } = await readImage(join(dir, path), files.resize);
  const object = files.mask && { class: label, ...(await readMaskFile(files.mask, original, image)) };
  const confounder = files.confounder && (await readConfounderFile(files.confounder, original, image));
  return {
    ...image,
    filename: path,
    labels: [label],
    objects: object ? [object] : [],
    ...(confounder && { confounder }),
  };
}
