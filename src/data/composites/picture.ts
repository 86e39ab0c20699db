/** An RGB picture that is being composed: `[height, width, 3]` in [0, 1]. */
export interface Picture {
  readonly data: Float32Array;
  readonly width: number;
  readonly height: number;
}

/** A binary region of a picture: `[height · width]`, 0 or 1. */
export type Region = Uint8Array;

/** The rectangle of pixels that a region touches; `right` and `bottom` are the first pixels beyond it. */
export interface Bounds {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

/** Number of pixels of a region. */
export function areaOf(region: Region): number {
  let area = 0;
  for (const pixel of region) area += pixel;
  return area;
}

/** @returns undefined for an empty region */
export function boundsOf(region: Region, width: number): Bounds | undefined {
  let [left, top, right, bottom] = [width, -1, -1, -1];
  for (let p = 0; p < region.length; p++) {
    if (!region[p]) continue;
    const x = p % width;
    const y = (p - x) / width;
    if (top < 0) top = y;
    bottom = y + 1;
    if (x < left) left = x;
    if (x >= right) right = x + 1;
  }
  return top < 0 ? undefined : { left, top, right, bottom };
}

/** The pixels that any of the regions holds. */
export function union(regions: readonly Region[], pixels: number): Region {
  const all = new Uint8Array(pixels);
  for (const region of regions) for (let p = 0; p < pixels; p++) all[p]! |= region[p]!;
  return all;
}

/** The region grown by a square of `2·radius + 1` pixels, one axis after the other. */
export function dilate(region: Region, width: number, radius: number): Region {
  if (radius <= 0) return Uint8Array.from(region);
  const height = region.length / width;
  const wide = new Uint8Array(region.length);
  for (let y = 0; y < height; y++) spread(region, wide, y * width, 1, width, radius);
  const grown = new Uint8Array(region.length);
  for (let x = 0; x < width; x++) spread(wide, grown, x, width, height, radius);
  return grown;
}

/** Marks in a line what lies within `radius` of a set pixel: a walk forwards, then one back. */
function spread(from: Region, to: Region, start: number, step: number, count: number, radius: number): void {
  for (let pass = 0; pass < 2; pass++) {
    let since = radius + 1;
    for (let i = 0; i < count; i++) {
      const p = start + step * (pass === 0 ? i : count - 1 - i);
      since = from[p] ? 0 : since + 1;
      if (since <= radius) to[p] = 1;
    }
  }
}
