/** A part of an image, in pixels. */
export interface PatchWindow {
  readonly top: number;
  readonly left: number;
  readonly height: number;
  readonly width: number;
}

/** What counts as 0, as a share of the projection's largest magnitude. */
const negligible = 1e-4;

/**
 * The windows of images that their projections fill, all of one size: that of the largest. A unit at the edge of the
 * map sees less of the image than one in the middle; its window reaches further inwards.
 *
 * @param projections [H·W·c] each
 */
export function commonWindows(
  projections: readonly Float32Array[],
  [imageHeight, imageWidth, channels]: readonly [number, number, number],
): PatchWindow[] {
  const filled = projections.map((values) => filledWindow(values, imageHeight, imageWidth, channels));
  const height = Math.max(...filled.map((window) => window.height));
  const width = Math.max(...filled.map((window) => window.width));
  const start = (first: number, length: number, common: number, size: number) =>
    Math.min(Math.max(Math.round(first + (length - common) / 2), 0), size - common);
  return filled.map((window) => ({
    top: start(window.top, window.height, height, imageHeight),
    left: start(window.left, window.width, width, imageWidth),
    height,
    width,
  }));
}

/** The smallest window around what is not 0; the whole image where all is. */
function filledWindow(values: Float32Array, height: number, width: number, channels: number): PatchWindow {
  const least = negligible * values.reduce((peak, value) => Math.max(peak, Math.abs(value)), 0);
  let [top, left, bottom, right] = [height, width, -1, -1];
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]!) <= least) continue;
    const pixel = Math.trunc(i / channels);
    const [y, x] = [Math.trunc(pixel / width), pixel % width];
    [top, bottom] = [Math.min(top, y), Math.max(bottom, y)];
    [left, right] = [Math.min(left, x), Math.max(right, x)];
  }
  if (bottom < 0) return { top: 0, left: 0, height, width };
  return { top, left, height: bottom - top + 1, width: right - left + 1 };
}

/** Cuts a window out of an image [H·W·c]. */
export function cut(
  values: Float32Array,
  imageWidth: number,
  channels: number,
  { top, left, height, width }: PatchWindow,
): Float32Array {
  const out = new Float32Array(height * width * channels);
  for (let y = 0; y < height; y++) {
    const from = ((top + y) * imageWidth + left) * channels;
    out.set(values.subarray(from, from + width * channels), y * width * channels);
  }
  return out;
}
