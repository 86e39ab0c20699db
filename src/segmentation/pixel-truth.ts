import type { Region } from '../data/index.ts';

/**
 * What is known of each pixel of an image: the set of classes that it may show. A mask leaves one, a label leaves the
 * background and the classes of the image, a box something between.
 */
export interface PixelTruth {
  readonly height: number;
  readonly width: number;
  /** [H·W], bit 0: the background, bit c + 1: class c. */
  readonly allowed: Uint32Array;
}

/** Most classes whose sets fit a word. */
export const MOST_SEGMENTED_CLASSES = 31;

/** A box in pixels; edges need not be whole. */
export interface TruthBox {
  readonly class: number;
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Of a labelled image without masks: each pixel is background or one of the image's classes. */
export function truthOfLabels(labels: readonly number[], height: number, width: number): PixelTruth {
  const set = labels.reduce((bits, c) => bits | (2 << c), 1);
  return { height, width, allowed: new Uint32Array(height * width).fill(set) };
}

/**
 * Of an image with masks: a pixel shows the class whose mask holds it, the others the background, and, where a class
 * of the image has no mask, perhaps that class.
 */
export function truthOfMasks(
  masks: ReadonlyMap<number, Region>,
  labels: readonly number[],
  height: number,
  width: number,
): PixelTruth {
  const rest = labels.filter((c) => !masks.has(c)).reduce((bits, c) => bits | (2 << c), 1);
  const allowed = new Uint32Array(height * width).fill(rest);
  const shown = new Uint32Array(height * width);
  for (const [c, region] of masks) {
    for (let p = 0; p < region.length; p++) if (region[p]) shown[p]! |= 2 << c;
  }
  for (let p = 0; p < shown.length; p++) if (shown[p]) allowed[p] = shown[p]!;
  return { height, width, allowed };
}

/**
 * Of an image with boxes: outside them is background, the middle of a box (the ellipse with 0.7 of its axes) shows
 * its class, and the rest of a box shows either.
 */
export function truthOfBoxes(boxes: readonly TruthBox[], height: number, width: number): PixelTruth {
  const allowed = new Uint32Array(height * width).fill(1);
  const middle = new Uint32Array(height * width);
  for (const box of boxes) {
    const [cx, cy] = [(box.left + box.right) / 2, (box.top + box.bottom) / 2];
    const rx = Math.max(0.5, (box.right - box.left) * 0.35);
    const ry = Math.max(0.5, (box.bottom - box.top) * 0.35);
    for (let y = Math.max(0, Math.floor(box.top)); y < Math.min(height, Math.ceil(box.bottom)); y++) {
      for (let x = Math.max(0, Math.floor(box.left)); x < Math.min(width, Math.ceil(box.right)); x++) {
        const p = y * width + x;
        allowed[p]! |= 2 << box.class;
        if (((x + 0.5 - cx) / rx) ** 2 + ((y + 0.5 - cy) / ry) ** 2 <= 1) middle[p]! |= 2 << box.class;
      }
    }
  }
  for (let p = 0; p < middle.length; p++) if (middle[p]) allowed[p] = middle[p]!;
  return { height, width, allowed };
}
