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
