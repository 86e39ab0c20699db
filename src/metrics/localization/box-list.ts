import type { PixelBox } from './pixel-box.ts';

/** Bounding rectangles, four numbers each: x0, y0, x1, y1. Valid during the visit only. */
export interface BoxList {
  readonly count: number;
  readonly data: Int32Array;
}

/** Box i of a list. */
export function boxAt({ data }: BoxList, i: number): PixelBox {
  return [data[4 * i]!, data[4 * i + 1]!, data[4 * i + 2]!, data[4 * i + 3]!];
}

/** {@link boxIou} of box i with another; no box is made for it, since there are many and most are elsewhere. */
export function iouAt({ data }: BoxList, i: number, [x0, y0, x1, y1]: PixelBox): number {
  const at = 4 * i;
  const [left, top, right, bottom] = [data[at]!, data[at + 1]!, data[at + 2]!, data[at + 3]!];
  const width = Math.min(right, x1) - Math.max(left, x0) + 1;
  const height = Math.min(bottom, y1) - Math.max(top, y0) + 1;
  if (width <= 0 || height <= 0) return 0;
  const common = width * height;
  const own = (right - left + 1) * (bottom - top + 1);
  return common / (own + (x1 - x0 + 1) * (y1 - y0 + 1) - common);
}
