import { existsSync } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import sharp from 'sharp';
import { DataError } from '../../errors/index.ts';
import { readBytes } from '../file-bytes.ts';
import { readText } from '../text-file.ts';
import type { ImportItem, ImportSource } from './import-run/import-examples.ts';
import { ImportNotes } from './import-run/import-notes.ts';
import { listFolder } from './reading/image-files.ts';

export interface CifarOptions {
  /** Which of the two labels of CIFAR-100. @default 'fine' */
  labels?: 'fine' | 'coarse';
}

const SIDE = 32;
const PLANE = SIDE * SIDE;

const CIFAR_10 = [...[1, 2, 3, 4, 5].map((batch) => `data_batch_${batch}.bin`), 'test_batch.bin'];

/** The label bytes before an image, and the file that names the classes. */
interface Layout {
  labelBytes: number;
  label: number;
  names: string;
  splitOf: (file: string) => string | undefined;
}

/**
 * Finds CIFAR-10 or CIFAR-100 in their binary version: records of one label byte (CIFAR-100: coarse, fine) and
 * 3x32x32 bytes, red, green, blue, in `data_batch_1.bin` … `test_batch.bin`, or `train.bin`, `test.bin`.
 *
 * @throws {DataError} that names the file, and the record (from 0) whose label is out of range
 */
export async function findCifar(dir: string, { labels = 'fine' }: CifarOptions = {}): Promise<ImportSource> {
  const { files } = await listFolder(dir);
  const hundred = existsSync(join(dir, 'fine_label_names.txt'));
  const layout: Layout = hundred
    ? {
        labelBytes: 2,
        label: labels === 'fine' ? 1 : 0,
        names: `${labels}_label_names.txt`,
        splitOf: (file) => /^(train|test)\.bin$/.exec(file)?.[1],
      }
    : {
        labelBytes: 1,
        label: 0,
        names: 'batches.meta.txt',
        splitOf: (file) => {
          const [, kind] = /^(data|test)_batch.*\.bin$/.exec(file) ?? [];
          return kind && (kind === 'data' ? 'train' : 'test');
        },
      };
  const batches = files.flatMap((file) => {
    const split = layout.splitOf(file);
    return split ? [{ file, split }] : [];
  });
  if (batches.length === 0) {
    throw new DataError(
      `${dir}: holds neither data_batch_1.bin (CIFAR-10) nor fine_label_names.txt and train.bin (CIFAR-100)`,
    );
  }
  const notes = new ImportNotes();
  const complete = hundred ? ['train.bin', 'test.bin'] : CIFAR_10;
  for (const name of complete) {
    if (!files.includes(name)) notes.tell('parts of the set that are not there', join(dir, name));
  }
  const names = join(dir, layout.names);
  const text = await readText(names);
  const classes = text.split(/\r?\n/).flatMap((line) => line.trim() || []);
  const items: ImportItem[] = [];
  for (const { file, split } of batches) items.push(...(await itemsOf(dir, file, split, layout, classes)));
  return { format: 'cifar', classes, multiLabel: false, items, notes: notes.list };
}

async function itemsOf(
  dir: string,
  name: string,
  split: string,
  { labelBytes, label }: Layout,
  classes: readonly string[],
): Promise<ImportItem[]> {
  const path = join(dir, name);
  const bytes = labelBytes + 3 * PLANE;
  const { size } = await stat(path);
  if (size % bytes !== 0) {
    throw new DataError(`${path}: has ${size} bytes, which is no multiple of the ${bytes} of a record`);
  }
  const file = await readBytes(path);
  return Array.from({ length: size / bytes }, (_, record) => {
    const index = file[record * bytes + label]!;
    if (index >= classes.length) {
      throw new DataError(
        `${path}, record ${record}: class ${index} is out of range: ${classes.length} classes are named`,
      );
    }
    return {
      split,
      labels: [index],
      load: async () => ({
        encoded: await encode(await readAt(path, record * bytes + labelBytes, 3 * PLANE)),
        format: 'png',
        height: SIDE,
        width: SIDE,
        filename: `${name}#${record}`,
        labels: [index],
        objects: [],
      }),
    };
  });
}

async function readAt(path: string, offset: number, length: number): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(length);
    await file.read(bytes, 0, length, offset);
    return bytes;
  } finally {
    await file.close();
  }
}

/** Three planes, as a PNG. */
function encode(planes: Uint8Array): Promise<Buffer> {
  const pixels = Uint8Array.from(planes, (_, i) => planes[(i % 3) * PLANE + Math.floor(i / 3)]!);
  return sharp(pixels, { raw: { width: SIDE, height: SIDE, channels: 3 } })
    .png()
    .toBuffer();
}
