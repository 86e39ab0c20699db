import { createReadStream, existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type CsvError, parse } from 'csv-parse';
import { DataError } from '../../../errors/index.ts';
import type { ImageExample, ImageObject } from '../../image-example.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { annotatedFrame, placeBox, type Sides } from '../reading/annotated-frame.ts';
import { readImage } from '../reading/stored-image.ts';
import { boxColumns, type CsvColumn, type CsvColumns, findColumns } from './columns.ts';

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
  stated: { width?: number; height?: number };
  boxes: { label: string; sides: Sides; where: string }[];
}

/**
 * Finds the images that a CSV file lists: a header, then a row for each image, or for each object of an image. The
 * columns `file` and `label` are needed; `split`, a box (`xmin ymin xmax ymax` or `x y w h`) and the size of the
 * image (`width height`) may be there. The label holds for the image, whatever becomes of its box.
 *
 * @throws {DataError} `file:line: …`
 */
export async function findCsv(path: string, options: CsvOptions = {}): Promise<ImportSource> {
  const { images: dir = dirname(path) } = options;
  const images = new Map<string, CsvImage>();
  const problems: DataError[] = [];
  let columns: CsvColumns | undefined;
  try {
    for await (const { record, line } of rowsOf(path, options.delimiter)) {
      if (!columns) {
        columns = findColumns(record, options.columns ?? {}, path);
        continue;
      }
      try {
        readRow(record, columns, `${path}:${line}`, images, options);
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        problems.push(error);
      }
    }
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw new DataError(`${path}: no such file`, { cause });
    if (code?.startsWith('CSV_'))
      throw new DataError(`${path}:${(cause as CsvError).lines}: ${message}`, { cause });
    throw cause;
  }
  const classes =
    options.classes ?? [...new Set([...images.values()].flatMap(({ labels }) => [...labels]))].sort();
  if (classes.length === 0) throw problems[0] ?? new DataError(`${path}: lists no image`);

  const items: ImportItem[] = [];
  for (const image of images.values()) {
    const unknown = [...image.labels].find((label) => !classes.includes(label));
    const file = join(dir, image.file);
    if (unknown !== undefined) {
      problems.push(new DataError(`${image.where}: class ${unknown} is not one of ${classes.join(', ')}`));
    } else if (!existsSync(file)) {
      problems.push(new DataError(`${image.where}: ${file} does not exist`));
    } else {
      const labels = Array.from(image.labels, (label) => classes.indexOf(label)).sort((a, b) => a - b);
      items.push({
        split: image.split,
        labels,
        load: (tell) => loadImage(file, image, labels, classes, options, tell),
      });
    }
  }
  const multiLabel = items.some(({ labels }) => labels.length !== 1);
  return { format: 'csv', classes, multiLabel, items, problems };
}

async function* rowsOf(path: string, delimiter = ','): AsyncGenerator<{ record: string[]; line: number }> {
  const parser = parse({ bom: true, delimiter, info: true, skipEmptyLines: true });
  const input = createReadStream(path).on('error', (error) => parser.destroy(error));
  for await (const { record, info } of input.pipe(parser)) yield { record, line: info.lines };
}

function readRow(
  row: readonly string[],
  columns: CsvColumns,
  where: string,
  images: Map<string, CsvImage>,
  { labelSeparator, boxes = 'pixels' }: CsvOptions,
): void {
  const cell = (kind: CsvColumn) => (columns[kind] === undefined ? '' : row[columns[kind]]!.trim());
  const file = cell('file');
  if (!file) throw new DataError(`${where}: the file is not named`);
  const labels = (labelSeparator ? cell('label').split(labelSeparator) : [cell('label')]).flatMap(
    (label) => label.trim() || [],
  );
  const split = cell('split') || 'train';
  const number = (kind: CsvColumn) => {
    const value = Number(cell(kind));
    if (cell(kind) === '' || !Number.isFinite(value)) {
      throw new DataError(`${where}: ${kind}: expected a number, found "${cell(kind)}"`);
    }
    return value;
  };
  const group = boxColumns(columns);
  const numbers = group?.some((kind) => cell(kind) !== '') ? group.map(number) : undefined;
  if (numbers && labels.length !== 1) {
    throw new DataError(`${where}: a box needs one label, found ${labels.length}`);
  }
  const key = `${split}\0${file}`;
  const image = images.get(key) ?? { file, split, where, labels: new Set(), stated: {}, boxes: [] };
  if (boxes === 'pixels' && cell('width') && cell('height')) {
    image.stated = { width: number('width'), height: number('height') };
  }
  if (numbers) {
    const [a, b, c, d] = numbers as [number, number, number, number];
    const extent = group!.includes('w');
    const sides = { xmin: a, ymin: b, xmax: extent ? a + c : c, ymax: extent ? b + d : d };
    image.boxes.push({ label: labels[0]!, sides, where: `${where}: box ${numbers.join(', ')}` });
  }
  for (const label of labels) image.labels.add(label);
  images.set(key, image);
}

async function loadImage(
  path: string,
  { file, stated, boxes }: CsvImage,
  labels: number[],
  classes: readonly string[],
  options: CsvOptions,
  tell: TellNote,
): Promise<ImageExample> {
  const { original, ...image } = await readImage(path, options.resize);
  const frame = annotatedFrame(original, stated);
  const [x, y] = options.boxes === 'normalized' ? [frame.width, frame.height] : [1, 1];
  const objects = boxes.flatMap(({ label, sides, where }): ImageObject[] => {
    const pixels = { xmin: sides.xmin * x, ymin: sides.ymin * y, xmax: sides.xmax * x, ymax: sides.ymax * y };
    const box = placeBox(pixels, frame, where, tell);
    return box ? [{ class: classes.indexOf(label), ...box }] : [];
  });
  return { ...image, filename: file, labels, objects };
}
