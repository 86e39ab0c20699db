import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { DataError, UsageError } from '../../errors/index.ts';
import type { ImageExample, ImageObject } from '../image-example.ts';
import { type Listing, listFolder } from './image-files.ts';
import type { ImportItem, ImportSource } from './import-examples.ts';
import { readImage } from './stored-image.ts';
import { readVocAnnotation, type VocAnnotation, vocBox } from './voc-annotation.ts';
import { readVocMasks } from './voc-masks.ts';

export interface VocOptions {
  /** Names of the classes, in order; other names in the files are errors. @default all that occur, sorted */
  classes?: readonly string[];
  /** Leave out objects marked `difficult`, as the VOC challenge does. @default false */
  dropDifficult?: boolean;
  /** Shrink larger images to this longest side. */
  resize?: number;
}

/**
 * Finds images with Pascal VOC annotations, in either layout:
 *
 * - the development kit: `Annotations/*.xml`, `JPEGImages/`, `ImageSets/Main/<split>.txt`, and masks in
 *   `SegmentationObject/`, `SegmentationClass/`;
 * - XML beside each image, in `dir` itself or in a folder for each split (`train`, `test`, …).
 */
export async function findVoc(dir: string, options: VocOptions = {}): Promise<ImportSource> {
  const top = await listFolder(dir);
  const entries = top.folders.includes('Annotations')
    ? await devkitEntries(dir, top)
    : await besideEntries(dir, top);
  if (entries.length === 0) {
    throw new DataError(
      `${dir}: holds neither Annotations/*.xml nor folders with an XML file beside each image`,
    );
  }
  const read: { entry: VocEntry; annotation: VocAnnotation }[] = [];
  const problems: DataError[] = [];
  for (const entry of entries) {
    try {
      read.push({ entry, annotation: await readVocAnnotation(entry.xml) });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  const classes =
    options.classes ??
    [...new Set(read.flatMap(({ annotation }) => annotation.objects.map(({ name }) => name)))].sort();
  if (classes.length === 0) throw problems[0] ?? new DataError(`${dir}: no annotation holds an object`);
  const items = read.map(
    ({ entry, annotation }): ImportItem => ({
      split: entry.split,
      load: () => loadEntry(dir, entry, annotation, classes, options),
    }),
  );
  return { format: 'voc', classes, multiLabel: true, items, problems };
}

interface VocEntry {
  split: string;
  xml: string;
  /** Where the image may lie, without its ending; the annotation knows its name too. */
  imageFolder: string;
  stem: string;
}

async function devkitEntries(dir: string, top: Listing): Promise<VocEntry[]> {
  const entry = (split: string, stem: string): VocEntry => ({
    split,
    stem,
    xml: join(dir, 'Annotations', `${stem}.xml`),
    imageFolder: join(dir, 'JPEGImages'),
  });
  const sets = join(dir, 'ImageSets', 'Main');
  const lists = top.folders.includes('ImageSets') && existsSync(sets) ? (await listFolder(sets)).files : [];
  // Lists like aeroplane_train.txt repeat a split for one class; trainval.txt repeats train.txt and val.txt.
  const names = lists.filter((file) => /^[^_]+\.txt$/.test(file)).map((file) => basename(file, '.txt'));
  const splits = names.filter(
    (name) => name !== 'trainval' || !(names.includes('train') && names.includes('val')),
  );
  if (splits.length === 0) {
    const { files } = await listFolder(join(dir, 'Annotations'));
    return files
      .filter((file) => file.endsWith('.xml'))
      .map((file) => entry('train', basename(file, '.xml')));
  }
  const all: VocEntry[] = [];
  for (const split of splits) {
    const lines = (await readFile(join(sets, `${split}.txt`), 'utf8')).split('\n');
    all.push(...lines.flatMap((line) => (line.trim() ? entry(split, line.trim().split(/\s+/)[0]!) : [])));
  }
  return all;
}

async function besideEntries(dir: string, top: Listing): Promise<VocEntry[]> {
  const inFolder = (split: string, folder: string, { files }: Listing) =>
    files
      .filter((file) => file.toLowerCase().endsWith('.xml'))
      .map(
        (file): VocEntry => ({
          split,
          xml: join(folder, file),
          imageFolder: folder,
          stem: file.slice(0, -4),
        }),
      );
  const here = inFolder('train', dir, top);
  if (here.length > 0) return here;
  const folders = top.folders.map(async (name) =>
    inFolder(name, join(dir, name), await listFolder(join(dir, name))),
  );
  return (await Promise.all(folders)).flat();
}

async function loadEntry(
  dir: string,
  entry: VocEntry,
  annotation: VocAnnotation,
  classes: readonly string[],
  { resize, dropDifficult = false }: VocOptions,
): Promise<ImageExample> {
  const path = await findImage(entry, annotation);
  const { original, ...image } = await readImage(path, resize);
  const kept = annotation.objects.filter((object) => !(dropDifficult && object.difficult));
  const objects = kept.map((object): ImageObject => {
    const index = classes.indexOf(object.name);
    if (index < 0) {
      throw new DataError(
        `${entry.xml}:${object.line}: class ${object.name} is not one of ${classes.join(', ')}`,
      );
    }
    return { class: index, ...vocBox(object, annotation, original, entry.xml) };
  });
  const masks = await readVocMasks(dir, entry.stem, annotation.objects, original, image);
  for (const [i, object] of kept.entries()) {
    const mask = masks?.[annotation.objects.indexOf(object)];
    if (mask) objects[i]!.mask = mask;
  }
  const labels = [...new Set(objects.map((object) => object.class))].sort((a, b) => a - b);
  return { ...image, filename: basename(path), labels, objects };
}

/** The file that the annotation names, else one called like the annotation, whatever the case of its ending. */
async function findImage({ imageFolder, stem, xml }: VocEntry, { filename }: VocAnnotation): Promise<string> {
  if (filename && existsSync(join(imageFolder, filename))) return join(imageFolder, filename);
  const { images } = await folderOf(imageFolder);
  const found = images.find((name) => name.slice(0, -extname(name).length) === stem);
  if (!found)
    throw new DataError(`${xml}: its image ${join(imageFolder, filename ?? `${stem}.jpg`)} does not exist`);
  return join(imageFolder, found);
}

const listings = new Map<string, Promise<Listing>>();

function folderOf(folder: string): Promise<Listing> {
  let listing = listings.get(folder);
  if (!listing) {
    listing = listFolder(folder).catch((error) => {
      throw error instanceof UsageError ? new DataError(error.message, { cause: error }) : error;
    });
    listings.set(folder, listing);
  }
  return listing;
}
