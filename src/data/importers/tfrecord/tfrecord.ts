import { join } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import { decodeMask } from '../../image-decoding.ts';
import type { ImageExample, ImageObject } from '../../image-example.ts';
import { RecordFile, recordId } from '../../record-file.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes, type TellNote } from '../import-run/import-notes.ts';
import { annotatedFrame, placeBox } from '../reading/annotated-frame.ts';
import { objectExample } from '../reading/object-example.ts';
import { encodeMask, storeImage } from '../reading/stored-image.ts';
import { readForeignExample } from './foreign-example.ts';
import {
  classesFor,
  type NumberedClasses,
  readLabelMap,
  readOwnNames,
  readTfdsNames,
} from './numbered-classes.ts';
import { listRecordFiles, RecordShelf } from './record-files.ts';

export interface TfrecordOptions {
  /** Label map (`.pbtxt`) of the Object Detection API. @default what TFDS keeps beside its records, or their texts */
  labelMap?: string;
  /** Names of the classes, in the order of their numbers. */
  classes?: readonly string[];
  /** Shrink larger images to this longest side. */
  resize?: number;
  /** Called while the records are looked through: files done, and in all. */
  onProgress?: (done: number, total: number) => void;
}

interface FoundRecord {
  path: string;
  record: number;
  boundaries: Float64Array;
  split: string;
  /** Numbers of all classes that the record names, and of those that its image shows. */
  ids: number[];
  labels: number[];
  /** Whether nothing is known of what its image shows. */
  unlabelled: boolean;
}

/**
 * Finds the examples in TFRecords that TFDS or the Object Detection API wrote; their features are told in
 * `readForeignExample`. All records are looked through for their classes, without decoding an image.
 *
 * @throws {DataError} that names file and record
 */
export async function findTfrecords(dir: string, options: TfrecordOptions = {}): Promise<ImportSource> {
  const { onProgress = () => {}, labelMap, classes } = options;
  const texts = new Map<number, string>();
  const problems: DataError[] = [];
  const records: FoundRecord[] = [];
  const notes = new ImportNotes();
  const { shards, problems: missing } = await listRecordFiles(dir, notes.tell);
  problems.push(...missing);
  for (const [done, { file, split }] of shards.entries()) {
    onProgress(done, shards.length);
    await lookThrough(join(dir, file), split, texts, records, problems);
  }
  onProgress(shards.length, shards.length);
  texts.forEach((_, id) => {
    if (id < 0) texts.delete(id);
  });

  const numbered =
    (labelMap && (await readLabelMap(labelMap))) ||
    (!classes && ((await readOwnNames(dir)) ?? (await readTfdsNames(dir)))) ||
    classesFor(texts, classes);
  if (numbered.length === 0) throw problems[0] ?? new DataError(`${dir}: no record holds a label`);
  const classOf = new Map(numbered.map(({ id }, index) => [id, index]));
  const shelf = new RecordShelf();
  const items: ImportItem[] = [];
  for (const found of records) {
    const unknown = found.ids.find((id) => !classOf.has(id));
    if (unknown !== undefined) {
      problems.push(unknownClass(`${found.path}, record ${found.record}`, unknown, numbered));
      continue;
    }
    items.push({
      split: found.split,
      name: recordId(found.path, found.record),
      labels: found.labels.map((id) => classOf.get(id)!),
      load: (tell) => loadRecord(shelf, found, classOf, options, tell),
    });
  }
  const multiLabel = records.some(({ labels, unlabelled }) => labels.length !== 1 && !unlabelled);
  const names = numbered.map(({ name }) => name);
  return { format: 'tfrecord', classes: names, multiLabel, items, problems, notes: notes.list };
}

async function lookThrough(
  path: string,
  split: string,
  texts: Map<number, string>,
  records: FoundRecord[],
  problems: DataError[],
): Promise<void> {
  try {
    const file = await RecordFile.open(path);
    try {
      const { boundaries } = file;
      for (let record = 0; record < file.count; record++) {
        try {
          const where = `${path}, record ${record}`;
          const example = readForeignExample(await file.read(record), where);
          for (const [id, text] of example.texts) if (text || !texts.has(id)) texts.set(id, text);
          const unknown = example.unknown === 'all' ? [] : example.unknown;
          const ids = [...new Set([...example.ids, ...example.objects.map(({ id }) => id), ...unknown])];
          const labels = ids.filter((id) => !unknown.includes(id));
          records.push({
            path,
            record,
            boundaries,
            split,
            ids,
            labels,
            unlabelled: example.unknown === 'all',
          });
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
          problems.push(error);
        }
      }
    } finally {
      file.close();
    }
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    problems.push(error);
  }
}

/** A box that reaches further beyond its image, in sides of it, is given in pixels. */
const MOST_BEYOND = 4;

async function loadRecord(
  shelf: RecordShelf,
  { path, record, boundaries }: FoundRecord,
  classOf: ReadonlyMap<number, number>,
  { resize }: TfrecordOptions,
  tell: TellNote,
): Promise<ImageExample | undefined> {
  const where = `${path}, record ${record}`;
  const example = readForeignExample(await shelf.read(path, record, boundaries), where);
  const { original, ...image } = await storeImage(example.encoded, where, resize);
  const frame = annotatedFrame(original, example.stated);
  const objects: ImageObject[] = [];
  const others = example.ids.map((id) => ({ class: classOf.get(id)! }));
  const far = example.objects.find(({ box }) => box && Math.max(box.xmax, box.ymax) > MOST_BEYOND);
  if (far) {
    throw new DataError(
      `${where}: a box ends at (${far.box!.xmax}, ${far.box!.ymax}): expected parts of the image from 0 to 1, no pixels`,
    );
  }
  for (const [i, { id, box, mask, crowd }] of example.objects.entries()) {
    const index = classOf.get(id)!;
    if (crowd || !box) {
      if (crowd) tell('crowds, which give their image the class alone');
      others.push({ class: index });
      continue;
    }
    const { width, height } = frame;
    const sides = {
      xmin: box.xmin * width,
      ymin: box.ymin * height,
      xmax: box.xmax * width,
      ymax: box.ymax * height,
    };
    const placed = placeBox(sides, frame, `${where}, object ${i}`, tell);
    if (!placed) continue;
    const drawn = mask && (await decodeMask(mask, frame, `${where}, object ${i}`));
    objects.push({
      class: index,
      ...placed,
      ...(drawn && { mask: await encodeMask(drawn, frame, image) }),
    });
  }
  const filename = example.filename || recordId(path, record);
  const unknown =
    example.unknown === 'all' ? [...classOf.values()] : example.unknown.map((id) => classOf.get(id)!);
  const confounder =
    example.confounder && (await decodeMask(example.confounder, frame, `${where}, image/confounder`));
  const more = {
    ...(confounder && { confounder: await encodeMask(confounder, frame, image) }),
    ...(unknown.length > 0 && {
      unknown: unknown.filter((index) => !others.some((other) => other.class === index)),
    }),
    ...(example.group && { group: example.group }),
  };
  return objectExample({ ...image, filename, ...more }, objects, example.objects.length, tell, others);
}

function unknownClass(where: string, id: number, classes: NumberedClasses): DataError {
  const known = classes.map((known) => `${known.id} ${known.name}`);
  const shown = known.length > 12 ? [...known.slice(0, 12), '…'] : known;
  return new DataError(`${where}: the class ${id} is not one of ${shown.join(', ')}`);
}
