import { existsSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { DataError } from '../../errors/index.ts';
import { encodeMask } from './stored-image.ts';
import type { VocObject } from './voc-annotation.ts';

interface Size {
  width: number;
  height: number;
}

/** In VOC masks 255 is the rim between object and background, which belongs to neither. */
const RIM = 255;

/**
 * The masks of the objects of an image, where the development kit has them.
 *
 * `SegmentationObject/<image>.png` holds the number of an object (from 1, in the order of the annotation) at each
 * pixel. `SegmentationClass` holds classes, which tells objects apart only where each class occurs once; its numbers
 * are VOC's own, so the region is found as the one that fills the object's box best.
 *
 * @param original size of the image file; the masks are stored in the size of `stored`
 * @returns a PNG for each object, undefined where it has no pixels; undefined when there are no masks
 */
export async function readVocMasks(
  dir: string,
  stem: string,
  objects: readonly VocObject[],
  original: Size,
  stored: Size,
): Promise<(Uint8Array | undefined)[] | undefined> {
  const byObject = join(dir, 'SegmentationObject', `${stem}.png`);
  const byClass = join(dir, 'SegmentationClass', `${stem}.png`);
  const path = existsSync(byObject) ? byObject : existsSync(byClass) ? byClass : undefined;
  if (!path) return undefined;
  const values = await readPalette(path, original);
  const present = new Set(values);
  present.delete(0);
  present.delete(RIM);

  const masks = objects.map((object, i) => {
    const value = path === byObject ? i + 1 : regionOf(object, objects, values, original, present);
    return value !== undefined && present.has(value)
      ? values.map((pixel) => Number(pixel === value))
      : undefined;
  });
  return Promise.all(masks.map((mask) => mask && encodeMask(mask, original.width, original.height, stored)));
}

/** The pixels' numbers, which the file keeps as a grey value or as a colour of VOC's palette. */
async function readPalette(path: string, size: Size): Promise<Uint8Array> {
  const { data, info } = await sharp(path, { failOn: 'truncated' })
    .removeAlpha()
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause: Error) => {
      throw new DataError(`${path}: mask cannot be decoded: ${cause.message}`, { cause });
    });
  if (info.width !== size.width || info.height !== size.height) {
    throw new DataError(
      `${path}: mask is ${info.width}x${info.height}, its image ${size.width}x${size.height} (width x height)`,
    );
  }
  if (info.channels === 1) return data;
  return Uint8Array.from({ length: info.width * info.height }, (_, i) =>
    paletteIndex(data[i * 3]!, data[i * 3 + 1]!, data[i * 3 + 2]!),
  );
}

/** VOC's palette deals the bits of the number out to the high bits of red, green, blue, red, green, … */
function paletteIndex(red: number, green: number, blue: number): number {
  let index = 0;
  for (let round = 0; round < 3; round++) {
    const bit = 7 - round;
    index |= ((red >> bit) & 1) << (3 * round);
    index |= ((green >> bit) & 1) << (3 * round + 1);
    if (round < 2) index |= ((blue >> bit) & 1) << (3 * round + 2);
  }
  return index;
}

/** The number in a class mask that stands for an object, found by the box around its pixels. */
function regionOf(
  object: VocObject,
  objects: readonly VocObject[],
  values: Uint8Array,
  { width }: Size,
  present: ReadonlySet<number>,
): number | undefined {
  if (objects.filter(({ name }) => name === object.name).length > 1) return undefined;
  let best: number | undefined;
  let bestOverlap = 0.5;
  for (const value of present) {
    const found = { xmin: Infinity, ymin: Infinity, xmax: 0, ymax: 0 };
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== value) continue;
      const [x, y] = [(i % width) + 1, Math.floor(i / width) + 1];
      found.xmin = Math.min(found.xmin, x);
      found.ymin = Math.min(found.ymin, y);
      found.xmax = Math.max(found.xmax, x);
      found.ymax = Math.max(found.ymax, y);
    }
    const overlap = intersectionOverUnion(found, object.bounds);
    if (overlap > bestOverlap) [best, bestOverlap] = [value, overlap];
  }
  return best;
}

/** Of boxes in pixels, both ends included. */
function intersectionOverUnion(a: VocObject['bounds'], b: VocObject['bounds']): number {
  const width = Math.min(a.xmax, b.xmax) - Math.max(a.xmin, b.xmin) + 1;
  const height = Math.min(a.ymax, b.ymax) - Math.max(a.ymin, b.ymin) + 1;
  if (width <= 0 || height <= 0) return 0;
  const area = (box: VocObject['bounds']) => (box.xmax - box.xmin + 1) * (box.ymax - box.ymin + 1);
  return (width * height) / (area(a) + area(b) - width * height);
}
