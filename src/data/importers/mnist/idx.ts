import { join } from 'node:path';
import sharp from 'sharp';
import { DataError } from '../../../errors/index.ts';
import { unzipped } from '../../compressed-bytes.ts';
import { readBytes } from '../../file-bytes.ts';
import type { ImportItem, ImportSource } from '../import-run/import-examples.ts';
import { type ImportNote, ImportNotes } from '../import-run/import-notes.ts';
import { listFolder } from '../reading/image-files.ts';

/** An array in the IDX format of MNIST, of unsigned bytes. */
export interface IdxArray {
  shape: number[];
  data: Uint8Array;
}

/**
 * Reads an IDX file, compressed by gzip or not: two zero bytes, the type (8: unsigned byte), the number of
 * dimensions, their sizes as big-endian u32, the values.
 *
 * @throws {DataError} that names the file when it is missing, of another kind, or of another length
 */
export async function readIdx(path: string, dimensions: number): Promise<IdxArray> {
  const file = await readBytes(path);
  const bytes = await unzipped(file, path);
  const start = 4 + dimensions * 4;
  if (bytes.length < start || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 8 || bytes[3] !== dimensions) {
    const found = bytes.subarray(0, 4).toString('hex');
    throw new DataError(
      `${path}: is no IDX file of unsigned bytes in ${dimensions} dimensions: it begins with ${found}`,
    );
  }
  const shape = Array.from({ length: dimensions }, (_, i) => bytes.readUInt32BE(4 + i * 4));
  const expected = start + shape.reduce((product, size) => product * size, 1);
  if (bytes.length !== expected) {
    throw new DataError(
      `${path}: has ${bytes.length} bytes, its header (${shape.join('x')}) says ${expected}`,
    );
  }
  return { shape, data: bytes.subarray(start) };
}

/** The images and labels of one pair of files. */
export interface IdxSplit {
  split: string;
  /** Name of the file of the images. */
  file: string;
  width: number;
  height: number;
  images: { pixels: Uint8Array; label: number }[];
}

/** The test files of MNIST are called t10k-…. */
const SPLIT_NAMES: Record<string, string> = { t10k: 'test' };

/**
 * Reads the pairs `<split>-images-idx3-ubyte[.gz]`, `<split>-labels-idx1-ubyte[.gz]` of the MNIST family in a folder.
 *
 * @param named names of the classes; the labels' digits when not given
 */
export async function readIdxSplits(
  dir: string,
  named?: readonly string[],
): Promise<{ classes: readonly string[]; splits: IdxSplit[]; notes: ImportNote[] }> {
  const { files } = await listFolder(dir);
  const imageFiles = files.filter((file) => /[-.]images[-.]idx3-ubyte(\.gz)?$/.test(file)).sort();
  if (imageFiles.length === 0) {
    throw new DataError(`${dir}: holds no file like train-images-idx3-ubyte or train-images-idx3-ubyte.gz`);
  }
  const splits: IdxSplit[] = [];
  const notes = new ImportNotes();
  const used = new Set(imageFiles);
  let largest = 0;
  for (const file of imageFiles) {
    const prefix = file.slice(0, file.search(/[-.]images/));
    const stem = file.replace('images', 'labels').replace('idx3', 'idx1').replace(/\.gz$/, '');
    const labelFile = files.find((other) => other === stem || other === `${stem}.gz`) ?? stem;
    used.add(labelFile);
    const pixels = await readIdx(join(dir, file), 3);
    const labels = await readIdx(join(dir, labelFile), 1);
    const [count, height, width] = pixels.shape as [number, number, number];
    if (width === 0 || height === 0) {
      throw new DataError(`${join(dir, file)}: its images are ${width}x${height} (width x height)`);
    }
    if (labels.shape[0] !== count) {
      throw new DataError(
        `${join(dir, labelFile)}: has ${labels.shape[0]} labels for ${count} images in ${file}`,
      );
    }
    const images = Array.from(labels.data, (label, i) => {
      if (named && label >= named.length) {
        throw new DataError(
          `${join(dir, labelFile)}, label ${i}: class ${label} is out of range: ${named.length} classes are named`,
        );
      }
      largest = Math.max(largest, label);
      return { pixels: pixels.data.subarray(i * height * width, (i + 1) * height * width), label };
    });
    splits.push({ split: SPLIT_NAMES[prefix] ?? prefix, file, width, height, images });
  }
  const classes = named ?? Array.from({ length: largest + 1 }, (_, digit) => String(digit));
  for (const file of files) {
    if (!used.has(file))
      notes.tell('files left out, they are no images or labels of a pair', join(dir, file));
  }
  return { classes, splits, notes: notes.list };
}

/** Grey pixels as a PNG of one channel. */
export function greyPng(pixels: Uint8Array, width: number, height: number): Promise<Uint8Array> {
  return sharp(pixels, { raw: { width, height, channels: 1 } })
    .toColourspace('b-w')
    .png()
    .toBuffer();
}

/**
 * Finds the images of `readIdxSplits`.
 *
 * @param named names of the classes; the labels' digits when not given
 */
export async function findIdx(dir: string, named?: readonly string[]): Promise<ImportSource> {
  const { classes, splits, notes } = await readIdxSplits(dir, named);
  const items = splits.flatMap(({ split, file, width, height, images }) =>
    images.map(
      ({ pixels, label }, i): ImportItem => ({
        split,
        labels: [label],
        load: async () => ({
          encoded: await greyPng(pixels, width, height),
          format: 'png',
          height,
          width,
          filename: `${file}#${i}`,
          labels: [label],
          objects: [],
        }),
      }),
    ),
  );
  return { format: 'idx', classes, multiLabel: false, items, notes };
}
