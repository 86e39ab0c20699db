/**
 * A box [x0, y0, x1, y1] in pixels, both ends inclusive: one pixel is [x, y, x, y].
 *
 * The convention of the localization benchmark (Choe et al., CVPR 2020), in which every number of this folder is.
 */
export type PixelBox = readonly [x0: number, y0: number, x1: number, y1: number];

/** The box of a map without any contour, as the benchmark has it: the first pixel. */
export const emptyBox: PixelBox = [0, 0, 0, 0];

/**
 * Intersection over union of boxes with inclusive pixels:
 * |a ∩ b| / (|a| + |b| − |a ∩ b|), |a| = (x1 − x0 + 1)(y1 − y0 + 1).
 *
 * @returns in [0, 1]
 */
export function boxIou(a: PixelBox, b: PixelBox): number {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]) + 1;
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]) + 1;
  if (width <= 0 || height <= 0) return 0;
  const common = width * height;
  return common / (boxArea(a) + boxArea(b) - common);
}

/** Pixels of a box. */
export function boxArea([x0, y0, x1, y1]: PixelBox): number {
  return (x1 - x0 + 1) * (y1 - y0 + 1);
}

/** The best IoU of a box with any of several; 0 when there are none. */
export function bestIou(box: PixelBox, others: readonly PixelBox[]): number {
  let best = 0;
  for (const other of others) best = Math.max(best, boxIou(box, other));
  return best;
}

/**
 * A box of an image on the resized image: every edge times the ratio, fractions dropped (`resize_bbox` of the
 * benchmark).
 *
 * @param from [width, height] of the image that the box is on
 * @param to [width, height] of the resized image
 */
export function resizeBox(
  [x0, y0, x1, y1]: PixelBox,
  from: readonly [number, number],
  to: readonly [number, number],
): PixelBox {
  const x = (edge: number) => Math.trunc((edge * to[0]) / from[0]);
  const y = (edge: number) => Math.trunc((edge * to[1]) / from[1]);
  return [x(x0), y(y0), x(x1), y(y1)];
}

/** A slack for edges stored as float32: 0.3 · 10 is pixel 3, not 2. */
const slack = 1e-4;

/**
 * A normalised box on an image of H×W pixels, as the benchmark has it: edges with fractions dropped, at most the last
 * pixel. A right edge that falls between two pixels is the right one of them, here and in the boxes of maps alike.
 */
export function pixelBox(
  { xmin, ymin, xmax, ymax }: { xmin: number; ymin: number; xmax: number; ymax: number },
  height: number,
  width: number,
): PixelBox {
  const edge = (value: number, size: number) =>
    Math.min(size - 1, Math.max(0, Math.floor(value * size + slack)));
  return [edge(xmin, width), edge(ymin, height), edge(xmax, width), edge(ymax, height)];
}

/**
 * The bounding rectangle of a mask in the same convention: [x, y, x + width, y + height], at most the last pixel.
 *
 * @param mask [H·W], > 0.5 inside
 * @returns undefined for an empty mask
 */
export function maskBox(mask: ArrayLike<number>, height: number, width: number): PixelBox | undefined {
  let [left, top, right, bottom] = [width, height, -1, -1];
  for (let y = 0, i = 0; y < height; y++) {
    for (let x = 0; x < width; x++, i++) {
      if (mask[i]! <= 0.5) continue;
      left = Math.min(left, x);
      right = Math.max(right, x);
      top = Math.min(top, y);
      bottom = y;
    }
  }
  return right < 0
    ? undefined
    : [left, top, Math.min(right + 1, width - 1), Math.min(bottom + 1, height - 1)];
}
