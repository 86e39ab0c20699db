import { boxAt } from './box-list.ts';
import { ContourSweep } from './contour-sweep.ts';
import { emptyBox, type PixelBox } from './pixel-box.ts';

/**
 * The 8-bit image that is thresholded: the map min-max normalised, times 255, fractions dropped. A map of one value,
 * or with a value that is no number, counts as zeros.
 *
 * @param map [H·W]
 * @param out [H·W], made when it is not given
 */
export function byteMap(map: ArrayLike<number>, out = new Uint8Array(map.length)): Uint8Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    if (!(value >= low)) low = value;
    if (!(value <= high)) high = value;
  }
  const range = high - low;
  if (!(range > 0 && Number.isFinite(range))) return out.fill(0);
  for (let i = 0; i < map.length; i++) out[i] = Math.trunc(((map[i]! - low) / range) * 255);
  return out;
}

/**
 * The boxes of a map in [0, 1] at one threshold.
 *
 * Pixels with ⌊255 m⌋ > ⌊τ · max⌊255 m⌋⌋ are in (Choe et al., CVPR 2020). The map is taken as it is: normalise
 * it before.
 *
 * @param map [H·W] in [0, 1]
 * @param threshold τ, share of the map's maximum
 * @returns the boxes of all contours, those of holes included, and the one of the largest; `emptyBox` where
 *   nothing is above the threshold
 */
export function boxesFromMap(
  map: ArrayLike<number>,
  height: number,
  width: number,
  threshold: number,
): { largest: PixelBox; all: PixelBox[] } {
  const bytes = Uint8Array.from({ length: map.length }, (_, i) => Math.trunc(map[i]! * 255));
  let found: { largest: PixelBox; all: PixelBox[] } = { largest: emptyBox, all: [emptyBox] };
  const wanted = levelOf(threshold, maximum(bytes));
  new ContourSweep(height, width).sweep(bytes, (level, boxes, largest) => {
    if (level !== wanted || boxes.count === 0) return;
    const all = Array.from({ length: boxes.count }, (_, i) => boxAt(boxes, i));
    found = { largest: all[largest]!, all };
  });
  return found;
}

/** ⌊τ · max⌋: the level that a threshold means. */
export function levelOf(threshold: number, maximum: number): number {
  return Math.trunc(threshold * maximum);
}

function maximum(bytes: Uint8Array): number {
  let most = 0;
  for (let i = 0; i < bytes.length; i++) if (bytes[i]! > most) most = bytes[i]!;
  return most;
}
