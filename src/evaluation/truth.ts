import type { HostBatch } from '../data/index.ts';
import type { Pair } from '../gradcam/index.ts';
import { maskBox, type PixelBox, pixelBox, regionOf } from '../metrics/index.ts';

/** Where the objects of one class are in one image. */
export interface Truth {
  /** The boxes of the class; the box around its mask where it has no boxes. */
  readonly boxes: readonly PixelBox[];
  /** [H·W], 1 in the mask; in the boxes where there is no mask. Of clips [T·H·W]. */
  readonly region: Float32Array;
  /** [H·W], 1 in a box. Of clips [T·H·W], in the box around the mask of each frame. */
  readonly boxRegion: Float32Array;
  readonly hasMask: boolean;
}

/**
 * @param frames T, of clips: they have no boxes
 * @returns undefined where the class has neither box nor mask in the image
 */
export function truthOf(
  batch: HostBatch,
  pair: Pair,
  imageSize: readonly [number, number],
  frames?: number,
): Truth | undefined {
  const region = regionOf(batch, pair, imageSize);
  if (!region) return undefined;
  const [height, width] = imageSize;
  if (frames) return ofClip(region, height, width);
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

/** @returns undefined for a mask that is empty in every frame */
function ofClip(region: Float32Array, height: number, width: number): Truth | undefined {
  const boxRegion = new Float32Array(region.length);
  const size = height * width;
  for (let frame = 0; frame * size < region.length; frame++) {
    const box = maskBox(region.subarray(frame * size, (frame + 1) * size), height, width);
    if (!box) continue;
    const [x0, y0, x1, y1] = box;
    for (let y = y0; y <= y1; y++) {
      boxRegion.fill(1, frame * size + y * width + x0, frame * size + y * width + x1 + 1);
    }
  }
  return boxRegion.includes(1) ? { boxes: [], region, boxRegion, hasMask: true } : undefined;
}
