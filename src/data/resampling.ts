/**
 * A part of an image that becomes the whole of another, in pixels of the source; edges need not be whole.
 */
export interface Window {
  left: number;
  top: number;
  width: number;
  height: number;
}

/**
 * Resamples a window of an image to H×W: bilinear where the image grows, the triangle filter over all covered
 * pixels where it shrinks (what Pillow calls BILINEAR, PyTorch `antialias=True`), so that shrinking a photo does
 * not alias. The two axes are resampled one after the other; a window's pixels outside it do not contribute.
 *
 * @param source [h,w,channels] bytes
 * @param target written from `offset` on: [H,W,channels], source values times `scale`
 * @param flip mirror the result horizontally
 */
export function resample(
  source: { data: Uint8Array; width: number; height: number },
  channels: 1 | 3,
  window: Window,
  target: { data: Float32Array; offset: number; width: number; height: number },
  scale: number,
  flip: boolean,
): void {
  if (isWhole(window, source) && source.width === target.width && source.height === target.height) {
    copyPixels(source, channels, target, scale, flip);
    return;
  }
  const columns = taps(window.left, window.width, source.width, target.width, flip);
  const rows = taps(window.top, window.height, source.height, target.height, false);
  const firstRow = rows.first[0]!;
  const lastRow = rows.first.at(-1)! + rows.count.at(-1)!;
  const stride = target.width * channels;

  const narrow = scratch((lastRow - firstRow) * stride);
  for (let y = firstRow; y < lastRow; y++) {
    const to = (y - firstRow) * stride;
    const line = y * source.width * channels;
    if (channels === 3) resampleRgbLine(source.data, line, columns, narrow, to, target.width);
    else resampleLine(source.data, line, columns, narrow, to, target.width);
  }
  for (let y = 0; y < target.height; y++) {
    const from = (rows.first[y]! - firstRow) * stride;
    const weights = rows.weights.subarray(y * rows.width, y * rows.width + rows.count[y]!);
    mixLines(narrow, from, stride, weights, scale, target.data, target.offset + y * stride);
  }
}

function isWhole(window: Window, { width, height }: { width: number; height: number }): boolean {
  return window.left === 0 && window.top === 0 && window.width === width && window.height === height;
}

/** What resampling to the same size comes to. */
function copyPixels(
  { data, width, height }: { data: Uint8Array; width: number; height: number },
  channels: 1 | 3,
  target: { data: Float32Array; offset: number },
  scale: number,
  flip: boolean,
): void {
  const stride = width * channels;
  for (let y = 0; y < height; y++) {
    const to = target.offset + y * stride;
    for (let i = 0; i < stride; i++) {
      const x = flip ? stride - channels - (i - (i % channels)) + (i % channels) : i;
      target.data[to + i] = data[y * stride + x]! * scale;
    }
  }
}

/** The weighted sum of successive lines. Growing images take two, which are summed without a detour over memory. */
function mixLines(
  lines: Float32Array,
  from: number,
  length: number,
  weights: Float64Array,
  scale: number,
  out: Float32Array,
  to: number,
): void {
  const first = weights[0]! * scale;
  const second = weights.length > 1 ? weights[1]! * scale : 0;
  const next = weights.length > 1 ? from + length : from;
  for (let i = 0; i < length; i++) out[to + i] = first * lines[from + i]! + second * lines[next + i]!;
  for (let tap = 2; tap < weights.length; tap++) {
    const weight = weights[tap]! * scale;
    const line = from + tap * length;
    for (let i = 0; i < length; i++) out[to + i]! += weight * lines[line + i]!;
  }
}

/** For each target pixel of an axis: the first source pixel, how many, and their weights (rows of `width`). */
interface Taps {
  first: Int32Array;
  count: Int32Array;
  weights: Float64Array;
  width: number;
}

function taps(start: number, length: number, sourceSize: number, targetSize: number, reverse: boolean): Taps {
  const ratio = length / targetSize;
  const support = Math.max(1, ratio);
  const width = Math.ceil(support) * 2 + 1;
  const result = {
    first: new Int32Array(targetSize),
    count: new Int32Array(targetSize),
    weights: new Float64Array(targetSize * width),
    width,
  };
  const inside = [Math.max(0, Math.floor(start)), Math.min(sourceSize, Math.ceil(start + length))] as const;
  for (let i = 0; i < targetSize; i++) {
    const centre = start + (i + 0.5) * ratio;
    // Pixels whose centre lies closer than `support`, within the window; the nearest one where there is none.
    let first = Math.max(inside[0], Math.floor(centre - support - 0.5) + 1);
    let end = Math.min(inside[1], Math.ceil(centre + support - 0.5));
    if (end <= first) {
      first = Math.min(Math.max(Math.floor(centre), inside[0]), inside[1] - 1);
      end = first + 1;
    }
    const at = reverse ? targetSize - 1 - i : i;
    result.first[at] = first;
    result.count[at] = end - first;
    let sum = 0;
    for (let tap = 0; tap < end - first; tap++) {
      const weight = 1 - Math.abs(first + tap + 0.5 - centre) / support;
      result.weights[at * width + tap] = weight;
      sum += weight;
    }
    for (let tap = 0; tap < end - first; tap++) result.weights[at * width + tap]! /= sum;
  }
  return result;
}

function resampleRgbLine(
  source: Uint8Array,
  line: number,
  { first, count, weights, width }: Taps,
  out: Float32Array,
  to: number,
  targetWidth: number,
): void {
  for (let x = 0; x < targetWidth; x++) {
    const tap = x * width;
    const end = tap + count[x]!;
    let from = line + first[x]! * 3;
    let weight = weights[tap]!;
    let red = weight * source[from]!;
    let green = weight * source[from + 1]!;
    let blue = weight * source[from + 2]!;
    for (let next = tap + 1; next < end; next++) {
      from += 3;
      weight = weights[next]!;
      red += weight * source[from]!;
      green += weight * source[from + 1]!;
      blue += weight * source[from + 2]!;
    }
    out[to + x * 3] = red;
    out[to + x * 3 + 1] = green;
    out[to + x * 3 + 2] = blue;
  }
}

function resampleLine(
  source: Uint8Array,
  line: number,
  { first, count, weights, width }: Taps,
  out: Float32Array,
  to: number,
  targetWidth: number,
): void {
  for (let x = 0; x < targetWidth; x++) {
    let sum = 0;
    const from = line + first[x]!;
    for (let tap = 0; tap < count[x]!; tap++) sum += weights[x * width + tap]! * source[from + tap]!;
    out[to + x] = sum;
  }
}

let scratchArray = new Float32Array(0);

/** Working memory, kept between calls: allocating it for every image costs as much as filling it. */
function scratch(length: number): Float32Array {
  if (scratchArray.length < length) scratchArray = new Float32Array(length);
  return scratchArray;
}
