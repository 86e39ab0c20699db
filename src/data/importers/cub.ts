import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../errors/index.ts';
import type { ImageExample, ImageObject } from '../image-example.ts';
import { readText } from '../text-file.ts';
import { listMasks, matchMasks } from './folder/matching-masks.ts';
import type { ImportItem, ImportSource } from './import-run/import-examples.ts';
import { ImportNotes, type TellNote } from './import-run/import-notes.ts';
import { annotatedFrame, placeBox } from './reading/annotated-frame.ts';
import { listedImage } from './reading/listed-image.ts';
import { readMaskFile } from './reading/mask-file.ts';
import { readImage } from './reading/stored-image.ts';

export interface CubOptions {
  /** Folder of the segmentations, laid out like `images/`. @default `segmentations` in or beside the folder, if any */
  masks?: string;
  /** Shrink larger images to this longest side. */
  resize?: number;
}

/** The rest of a line after its id, and where it stands, for messages. */
interface Row {
  text: string;
  where: string;
}

/** The grey values of CUB's segmentations say how many of five annotators saw bird: most of them. */
const MOST_ANNOTATORS = 128;

/**
 * Finds images laid out like CUB-200-2011: `images.txt` (id, path), `classes.txt` (id, name),
 * `image_class_labels.txt`, and, where they are there, `train_test_split.txt` (1 is train), `bounding_boxes.txt`
 * (x, y, width, height in pixels from 0), and segmentations as PNG.
 *
 * @throws {DataError} `file:line: …`
 */
export async function findCub(dir: string, { masks, resize }: CubOptions = {}): Promise<ImportSource> {
  const images = await readRows(join(dir, 'images.txt'));
  const names = await readRows(join(dir, 'classes.txt'));
  const labels = await readRows(join(dir, 'image_class_labels.txt'));
  const splits = await readRows(join(dir, 'train_test_split.txt'), 'optional');
  const boxes = await readRows(join(dir, 'bounding_boxes.txt'), 'optional');
  const maskDir =
    masks ?? [join(dir, 'segmentations'), join(dir, '..', 'segmentations')].find((path) => existsSync(path));

  const classIds = [...names.keys()];
  const notes = new ImportNotes();
  const maskOf =
    maskDir === undefined
      ? new Map<string, string>()
      : matchMasks(
          maskDir,
          await listMasks(maskDir, notes.tell),
          Array.from(images.values(), ({ text }) => text),
          notes.tell,
        );
  const items: ImportItem[] = [];
  const problems: DataError[] = [];
  for (const [id, { text: path, where }] of images) {
    try {
      const label = rowOf(labels, id, where, 'image_class_labels.txt');
      const index = classIds.indexOf(label.text);
      if (index < 0) throw new DataError(`${label.where}: class ${label.text} is not in classes.txt`);
      const split = splits && rowOf(splits, id, where, 'train_test_split.txt');
      if (split && !['0', '1'].includes(split.text)) {
        throw new DataError(`${split.where}: expected 1 (train) or 0 (test), found ${split.text}`);
      }
      const row = boxes && rowOf(boxes, id, where, 'bounding_boxes.txt');
      const box = row && { ...row, sides: sidesOf(row) };
      const file = listedImage(join(dir, 'images'), path, where, notes.tell);
      const mask = maskOf.get(path);
      items.push({
        name: path,
        split: split?.text === '0' ? 'test' : 'train',
        labels: [index],
        load: (tell) => loadImage(file, path, index, box, mask, resize, tell),
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  const classes = [...names.values()].map(({ text }) => text);
  return { format: 'cub', classes, multiLabel: false, items, problems, notes: notes.list };
}

async function loadImage(
  file: string,
  path: string,
  index: number,
  box: { where: string; text: string; sides: ReturnType<typeof sidesOf> } | undefined,
  mask: string | undefined,
  resize: number | undefined,
  tell: TellNote,
): Promise<ImageExample> {
  const { original, ...image } = await readImage(file, resize);
  const frame = annotatedFrame(original, {});
  const placed = box && placeBox(box.sides, frame, `${box.where}: box ${box.text}`, tell);
  const drawn = mask ? await readMaskFile(mask, original, image, MOST_ANNOTATORS) : undefined;
  const object: ImageObject | undefined =
    (drawn || placed) && ({ class: index, ...drawn, ...placed } as ImageObject);
  return { ...image, filename: path, labels: [index], objects: object ? [object] : [] };
}

function rowOf(rows: ReadonlyMap<string, Row>, id: string, where: string, file: string): Row {
  const row = rows.get(id);
  if (!row) throw new DataError(`${where}: image ${id} has no line in ${file}`);
  return row;
}

function sidesOf({ text, where }: Row) {
  const numbers = text.split(/\s+/).map(Number);
  if (numbers.length !== 4 || !numbers.every(Number.isFinite)) {
    throw new DataError(`${where}: expected x, y, width, height, found ${text}`);
  }
  const [x, y, width, height] = numbers as [number, number, number, number];
  return { xmin: x, ymin: y, xmax: x + width, ymax: y + height };
}

async function readRows(path: string): Promise<Map<string, Row>>;
async function readRows(path: string, optional: 'optional'): Promise<Map<string, Row> | undefined>;
async function readRows(path: string, optional?: 'optional'): Promise<Map<string, Row> | undefined> {
  if (optional && !existsSync(path)) return undefined;
  const text = await readText(path);
  const rows = new Map<string, Row>();
  for (const [i, line] of text.split(/\r?\n/).entries()) {
    if (!line.trim()) continue;
    const where = `${path}:${i + 1}`;
    const [, id, rest] = /^\s*(\S+)\s+(.*\S)\s*$/.exec(line) ?? [];
    if (!id || !rest) throw new DataError(`${where}: expected an id and a value, found "${line.trim()}"`);
    if (rows.has(id)) throw new DataError(`${where}: the id ${id} occurs twice`);
    rows.set(id, { text: rest, where });
  }
  return rows;
}
