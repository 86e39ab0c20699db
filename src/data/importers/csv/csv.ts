import { dirname } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import { checkedName } from '../../../files/index.ts';
import type { ImageExample, ImageObject } from '../../image-example.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes, type TellNote } from '../import-run/import-notes.ts';
import { annotatedFrame, placeBox, type Sides } from '../reading/annotated-frame.ts';
import { BoxUnits } from '../reading/box-units.ts';
import { listedImage, tellUnlisted } from '../reading/listed-image.ts';
import { readImage } from '../reading/stored-image.ts';
import { boxColumns, type CsvColumn, type CsvColumns, findColumns } from './columns.ts';
import { allRows } from './rows.ts';

export interface CsvOptions {
  /** Folder that the file names are relative to. @default the folder of the CSV file */
  images?: string;
  /** Names of columns that are not called as usual, e.g. `{ file: 'photo', label: 'breed' }`. */
  columns?: Readonly<Record<string, string>>;
  /** Boxes in pixels from 0, or as parts of the image from 0 to 1. @default 'pixels' */
  boxes?: 'pixels' | 'normalized';
  /** What separates several labels in one cell. @default none: a cell is one label */
  labelSeparator?: string;
  /** @default ',' */
  delimiter?: string;
  /** Encoding of the file, where it is not UTF-8, e.g. `windows-1252`. */
  encoding?: string;
  /** Names of the classes, in order; other names are errors. @default all that occur, sorted */
  classes?: readonly string[];
  /** Shrink larger images to this longest side. */
  resize?: number;
}

/** The rows about an image. */
interface CsvImage {
  file: string;
  split: string;
  where: string;
  labels: Set<string>;
  unknown: Set<string>;
  group: string;
  stated: { width?: number; height?: number };
  boxes: { label: string; sides: Sides; where: string }[];
}

/**
 * Finds the images that a CSV file lists: a header, then a row for each image, or for each object of an image. The
 * columns `file` and `label` are needed; `split`, `group`, `unknown` (classes of which it is not known whether the image
 * shows them, `*` for all), a box (`xmin ymin xmax ymax` or `x y w h`) and the size of the image (`width height`) may be there. The
 * label holds for the image, whatever becomes of its box.
 *
 * @throws {DataError} `file:line: …`
 */
export async function findCsv(path: string, options: CsvOptions = {}): Promise<ImportSource> {
  const { images: dir = dirname(path) } = options;
  const images = new Map<string, CsvImage>();
  const problems: DataError[] = [];
  const notes = new ImportNotes();
  const units = new BoxUnits();
  let columns: CsvColumns | undefined;
  let width = 0;
  for await (const { record, line } of allRows(path, options)) {
    if (!columns) {
      columns = findColumns(record, options.columns ?? {}, path);
      width = record.length;
      continue;
    }
    try {
      if (record.length !== width) {
        throw new DataError(`${path}:${line}: has ${record.length} cells, the header ${width}`);
      }
      readRow(record, columns, `${path}:${line}`, images, options, units);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  const classes =
    options.classes ??
    [...new Set([...images.values()].flatMap(({ labels, unknown }) => [...labels, ...unknown]))]
      .filter((name) => name !== '*')
      .sort();
  if (classes.length === 0) throw problems[0] ?? new DataError(`${path}: lists no image`);

  for (const { unknown } of images.values()) {
    if (unknown.delete('*')) for (const name of classes) unknown.add(name);
  }
  if (options.boxes === 'normalized') units.checkParts('leave boxes at pixels');
  else units.checkPixels('boxes must be normalized then');

  // A label for each row, of a file without classes, is as many classes as rows.
  const columnOf = new Map(classes.map((name, index) => [name, index]));
  const items: ImportItem[] = [];
  const listed = new Set<string>();
  for (const image of images.values()) {
    try {
      checkNames(image, columnOf);
      const file = listedImage(dir, image.file, image.where, notes.tell);
      listed.add(file);
      const labels = indicesOf(image.labels, columnOf);
      items.push({
        split: image.split,
        name: image.file,
        labels,
        ...(image.group && { group: image.group }),
        load: (tell) => loadImage(file, image, labels, columnOf, options, tell),
      });
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  await tellUnlisted(dir, listed, path, notes.tell);
  const single = [...images.values()].every(({ labels, unknown }) =>
    labels.size === 1 ? unknown.size === 0 : labels.size === 0 && unknown.size === classes.length,
  );
  if (!single) {
    const bare = items.filter(({ labels }) => labels.length === 0);
    for (const { name } of bare)
      notes.tell('images without a class; the set has several labels per image', name);
  }
  const multiLabel = !single;
  return { format: 'csv', classes, multiLabel, items, problems, notes: notes.list };
}

function checkNames({ labels, unknown, split, where }: CsvImage, columnOf: Columns): void {
  checkedName(split, `${where}: split`);
  const stranger = [...labels, ...unknown].find((label) => !columnOf.has(label));
  if (stranger !== undefined) {
    throw new DataError(`${where}: class ${stranger} is not one of ${[...columnOf.keys()].join(', ')}`);
  }
  const both = [...unknown].find((label) => labels.has(label));
  if (both !== undefined) throw new DataError(`${where}: class ${both} is both a label and unknown`);
}

/** The classes by their names. */
type Columns = ReadonlyMap<string, number>;

const indicesOf = (names: Iterable<string>, columnOf: Columns) =>
  Array.from(names, (name) => columnOf.get(name)!).sort((a, b) => a - b);

function readRow(
  row: readonly string[],
  columns: CsvColumns,
  where: string,
  images: Map<string, CsvImage>,
  { labelSeparator, boxes = 'pixels' }: CsvOptions,
  units: BoxUnits,
): void {
  const cell = (kind: CsvColumn) => (columns[kind] === undefined ? '' : row[columns[kind]]!.trim());
  const file = cell('file');
  if (!file) throw new DataError(`${where}: the file is not named`);
  const names = (kind: CsvColumn) =>
    (labelSeparator ? cell(kind).split(labelSeparator) : [cell(kind)]).flatMap((name) => name.trim() || []);
  const labels = names('label');
  const split = cell('split') || 'train';
  const number = (kind: CsvColumn) => {
    const value = Number(cell(kind));
    if (cell(kind) === '' || !Number.isFinite(value)) {
      throw new DataError(`${where}: ${kind}: expected a number, found "${cell(kind)}"`);
    }
    return value;
  };
  const box = boxColumns(columns);
  const numbers = box?.some((kind) => cell(kind) !== '') ? box.map(number) : undefined;
  if (numbers && labels.length !== 1) {
    throw new DataError(`${where}: a box needs one label, found ${labels.length}`);
  }
  const key = `${split}\0${file}`;
  const group = cell('group');
  const image = images.get(key) ?? {
    file,
    split,
    where,
    labels: new Set(),
    unknown: new Set(),
    group,
    stated: {},
    boxes: [],
  };
  if (image.group !== group) {
    throw new DataError(
      `${where}: the group of ${file} is "${group}", in ${image.where} it is "${image.group}"`,
    );
  }
  if (boxes === 'pixels' && cell('width') && cell('height')) {
    image.stated = { width: number('width'), height: number('height') };
  }
  if (numbers) {
    const [a, b, c, d] = numbers as [number, number, number, number];
    const extent = box!.includes('w');
    const sides = { xmin: a, ymin: b, xmax: extent ? a + c : c, ymax: extent ? b + d : d };
    image.boxes.push({ label: labels[0]!, sides, where: `${where}: box ${numbers.join(', ')}` });
    units.add(sides, where);
  }
  for (const label of labels) image.labels.add(label);
  for (const label of names('unknown')) image.unknown.add(label);
  images.set(key, image);
}

async function loadImage(
  path: string,
  { file, stated, boxes, unknown }: CsvImage,
  labels: number[],
  columnOf: Columns,
  options: CsvOptions,
  tell: TellNote,
): Promise<ImageExample> {
  const { original, ...image } = await readImage(path, options.resize);
  const frame = annotatedFrame(original, stated);
  const [x, y] = options.boxes === 'normalized' ? [frame.width, frame.height] : [1, 1];
  const objects = boxes.flatMap(({ label, sides, where }): ImageObject[] => {
    const pixels = { xmin: sides.xmin * x, ymin: sides.ymin * y, xmax: sides.xmax * x, ymax: sides.ymax * y };
    const box = placeBox(pixels, frame, where, tell);
    return box ? [{ class: columnOf.get(label)!, ...box }] : [];
  });
  const uncertain = unknown.size > 0 && { unknown: indicesOf(unknown, columnOf) };
  return { ...image, filename: file, labels, ...uncertain, objects };
}
