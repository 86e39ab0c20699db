import type { HostBatch } from '../data/index.ts';
import type { Pair } from '../gradcam/index.ts';
import { maskBox, type PixelBox, pixelBox, regionOf } from '../metrics/index.ts';

/** Where the objects of one class are in one image. */
export interface Truth {
  /** The boxes of the class; the box around its mask where it has no boxes. */
  readonly boxes: readonly PixelBox[];
  /** [H·W], 1 in the mask; in the boxes where there is no mask. */
  readonly region: Float32Array;
  /** [H·W], 1 in a box. */
  readonly boxRegion: Float32Array;
  readonly hasMask: boolean;
}

/** @returns undefined where the class has neither box nor mask in the image */
export function truthOf(
  batch: HostBatch,
  pair: Pair,
  imageSize: readonly [number, number],
): Truth | undefined {
  const region = regionOf(batch, pair, imageSize);
  if (!region) return undefined;
  const [height, width] = imageSize;
  const isOfPair = (entry: Pair) => entry.sample === pair.sample && entry.class === pair.class;
  const hasMask = batch.masks.some(isOfPair);
  let boxes: PixelBox[] = batch.boxes.filter(isOfPair).map((box) => pixelBox(box, height, width));
  if (boxes.length === 0) boxes = [maskBox(region, height, width)].filter((box) => box !== undefined);
  if (boxes.length === 0) return undefined;
  const boxRegion = new Float32Array(height * width);
  for (const [x0, y0, x1, y1] of boxes) {
    for (let y = y0; y <= y1; y++) boxRegion.fill(1, y * width + x0, y * width + x1 + 1);
  }
  return { boxes, region, boxRegion, hasMask };
}
