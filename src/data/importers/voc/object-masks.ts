import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Frame, Sides } from '../reading/annotated-frame.ts';
import { encodeMask } from '../reading/stored-image.ts';
import type { VocObject } from './annotation.ts';
import { RIM, readSegmentation, type Segmentation } from './palette.ts';

/**
 * The masks of the objects of an annotation, where the development kit has them.
 *
 * `SegmentationObject/<image>.png` holds the number of an object (from 1, in the order of the annotation) at each
 * pixel. `SegmentationClass` holds classes, which tells objects apart only where each class occurs once; its numbers
 * are VOC's own, so the region is found as the one that fills the object's box best.
 *
 * @param original size and orientation of the image file; the masks are stored in the size of `stored`
 * @returns a PNG for each object, undefined where it has no pixels; undefined when there are no masks
 */
export async function readVocMasks(
  dir: string,
  stem: string,
  objects: readonly VocObject[],
  original: Frame,
  stored: { width: number; height: number },
): Promise<(Uint8Array | undefined)[] | undefined> {
  const byObject = join(dir, 'SegmentationObject', `${stem}.png`);
  const byClass = join(dir, 'SegmentationClass', `${stem}.png`);
  const path = existsSync(byObject) ? byObject : existsSync(byClass) ? byClass : undefined;
  if (!path) return undefined;
  const segmentation = await readSegmentation(path, original);
  const { values, frame } = segmentation;
  const present = new Set(values);
  present.delete(0);
  present.delete(RIM);

  const masks = objects.map((object, i) => {
    const value = path === byObject ? i + 1 : regionOf(object, objects, segmentation, present);
    return value !== undefined && present.has(value)
      ? Uint8Array.from(values, (pixel) => Number(pixel === value))
      : undefined;
  });
  return Promise.all(masks.map((mask) => mask && encodeMask(mask, frame, stored)));
}

/** The number in a class mask that stands for an object, found by the box around its pixels. */
function regionOf(
  object: VocObject,
  objects: readonly VocObject[],
  { values, frame }: Segmentation,
  present: ReadonlySet<number>,
): number | undefined {
  if (objects.filter(({ name }) => name === object.name).length > 1) return undefined;
  let best: number | undefined;
  let bestOverlap = 0.5;
  for (const value of present) {
    const found = { xmin: Infinity, ymin: Infinity, xmax: 0, ymax: 0 };
    for (let i = 0; i < values.length; i++) {
      if (values[i] !== value) continue;
      const [x, y] = [(i % frame.width) + 1, Math.floor(i / frame.width) + 1];
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
function intersectionOverUnion(a: Sides, b: Sides): number {
  const width = Math.min(a.xmax, b.xmax) - Math.max(a.xmin, b.xmin) + 1;
  const height = Math.min(a.ymax, b.ymax) - Math.max(a.ymin, b.ymin) + 1;
  if (width <= 0 || height <= 0) return 0;
  const area = (box: Sides) => (box.xmax - box.xmin + 1) * (box.ymax - box.ymin + 1);
  return (width * height) / (area(a) + area(b) - width * height);
}
