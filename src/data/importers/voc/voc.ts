import { basename } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import { checkedName } from '../../../files/index.ts';
import type { ImageExample, ImageObject } from '../../image-example.ts';
import { mapAhead } from '../../map-ahead.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes, type TellNote } from '../import-run/import-notes.ts';
import { annotatedFrame } from '../reading/annotated-frame.ts';
import { labelsOf, objectExample } from '../reading/object-example.ts';
import { readImage } from '../reading/stored-image.ts';
import { readVocAnnotation, type VocAnnotation, vocBox } from './annotation.ts';
import { findVocImage, ImageFolders, listVoc, type VocEntry, type VocSets } from './layout.ts';
import { readVocMasks } from './object-masks.ts';
import { segmentedLabels, segmentedObjects, VOC_CLASSES } from './segmentation.ts';

export interface VocOptions {
  /** Names of the classes, in order; other names in the files are errors. @default all that occur, sorted */
  classes?: readonly string[];
  /** Leave out objects marked `difficult`, as the VOC challenge does. @default false */
  dropDifficult?: boolean;
  /** Which lists of `ImageSets` make the splits. @default 'Main', or 'Segmentation' where there are no others */
  sets?: VocSets;
  /** Shrink larger images to this longest side. */
  resize?: number;
  /** Called while the annotations are read. */
  onProgress?: (done: number, total: number) => void;
}

/** What is known of an image before it is read. */
interface ReadEntry {
  entry: VocEntry;
  annotation?: VocAnnotation;
}

/**
 * Finds images with Pascal VOC annotations, in either layout:
 *
 * - the development kit: `Annotations/*.xml`, `JPEGImages/`, `ImageSets/Main/<split>.txt`, and masks in
 *   `SegmentationObject/`, `SegmentationClass/`, which are enough where an image has no XML file;
 * - XML beside each image, in `dir` itself or in a folder for each split (`train`, `test`, …).
 */
export async function findVoc(dir: string, options: VocOptions = {}): Promise<ImportSource> {
  const { onProgress = () => {}, dropDifficult = false } = options;
  const notes = new ImportNotes();
  const folders = new ImageFolders();
  const entries = await listVoc(dir, options.sets, notes.tell);
  for (const { split, stem } of entries) checkedName(split, `${dir}: split of ${stem}:`);
  const read: ReadEntry[] = [];
  const problems: DataError[] = [];
  const attempts = mapAhead(entries, 16, async (entry): Promise<ReadEntry | DataError> => {
    try {
      return entry.xml ? { entry, annotation: await readVocAnnotation(entry.xml) } : { entry };
    } catch (error) {
      if (error instanceof DataError) return error;
      throw error;
    }
  });
  let done = 0;
  for await (const attempt of attempts) {
    onProgress(++done, entries.length);
    if (attempt instanceof DataError) problems.push(attempt);
    else read.push(attempt);
  }
  const classes = options.classes ?? classesIn(read);
  if (classes.length === 0) throw problems[0] ?? new DataError(`${dir}: no annotation holds an object`);

  const items: ImportItem[] = [];
  for (const { entry, annotation } of read) {
    if (annotation) {
      const kept = annotation.objects.filter((object) => !(dropDifficult && object.difficult));
      const labels = [...new Set(kept.map(({ name }) => classes.indexOf(name)))];
      const load = (tell: TellNote) => loadAnnotated(dir, entry, annotation, classes, options, folders, tell);
      items.push({ split: entry.split, name: entry.stem, labels, load });
      continue;
    }
    try {
      const labels = await segmentedLabels(dir, entry.stem, classes);
      const load = () => loadSegmented(dir, entry, classes, options, folders);
      items.push({ split: entry.split, name: entry.stem, labels, load });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  return { format: 'voc', classes, multiLabel: true, items, problems, notes: notes.list };
}

/** The names that occur; those of the challenge, where numbers in a segmentation must be understood. */
function classesIn(read: readonly ReadEntry[]): readonly string[] {
  if (read.some(({ annotation }) => !annotation)) return VOC_CLASSES;
  const names = read.flatMap(({ annotation }) => annotation!.objects.map(({ name }) => name));
  return [...new Set(names)].sort();
}

async function loadAnnotated(
  dir: string,
  entry: VocEntry,
  annotation: VocAnnotation,
  classes: readonly string[],
  { resize, dropDifficult = false }: VocOptions,
  folders: ImageFolders,
  tell: TellNote,
): Promise<ImageExample | undefined> {
  const path = await findVocImage(entry, annotation.filename, folders);
  const { original, ...image } = await readImage(path, resize);
  const frame = annotatedFrame(original, annotation.size);
  const masks = await readVocMasks(dir, entry.stem, annotation.objects, original, image);
  const wanted = annotation.objects.filter((object) => !(dropDifficult && object.difficult));
  const objects: ImageObject[] = [];
  for (const [i, object] of annotation.objects.entries()) {
    const index = classes.indexOf(object.name);
    if (index < 0) {
      throw new DataError(
        `${entry.xml}:${object.line}: class ${object.name} is not one of ${classes.join(', ')}`,
      );
    }
    const box = wanted.includes(object) ? vocBox(object, frame, entry.xml!, tell) : undefined;
    const mask = masks?.[i];
    if (box) objects.push({ class: index, ...box, ...(mask && { mask }) });
  }
  return objectExample({ ...image, filename: basename(path) }, objects, wanted.length, tell);
}

async function loadSegmented(
  dir: string,
  entry: VocEntry,
  classes: readonly string[],
  { resize }: VocOptions,
  folders: ImageFolders,
): Promise<ImageExample> {
  const path = await findVocImage(entry, undefined, folders);
  const { original, ...image } = await readImage(path, resize);
  const objects = await segmentedObjects(dir, entry.stem, classes, original, image);
  return { ...image, filename: basename(path), labels: labelsOf(objects), objects };
}
