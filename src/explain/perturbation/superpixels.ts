import { joinSmallSegments } from './connected-segments.ts';

export interface SuperpixelOptions {
  /** About how many. @default 50 */
  segments?: number | undefined;
  /** Weight of closeness against likeness: larger makes squarer superpixels. @default 10 */
  compactness?: number | undefined;
}

/** How often pixels are assigned and centres moved. The paper says that 10 are enough for most images. */
const rounds = 10;

/**
 * Superpixels by SLIC: k-means of pixels by colour and place, each centre looking only at its surroundings.
 *
 *     D² = d_color² / m² + d_place² / S²        (with S the grid's step, m the compactness)
 *
 * (Achanta et al., "SLIC Superpixels Compared to State-of-the-art Superpixel Methods", TPAMI 2012, Eq 3). Centres begin
 * on a regular grid; colours are CIELAB, after the image was stretched to [0, 1], so that its scale does not matter.
 * Pieces smaller than half a superpixel join a neighbour. The same labels as scikit-image's `slic` without blur.
 *
 * @param image [H·W·c]; three channels are taken as RGB, others compared as they are
 * @returns [H·W], labels 0 … n − 1
 */
export function superpixels(
  image: Float32Array,
  height: number,
  width: number,
  { segments = 50, compactness = 10 }: SuperpixelOptions = {},
): Int32Array {
  const channels = image.length / (height * width);
  const colors = channels === 3 ? labColors(stretched(image)) : stretched(image);
  for (let i = 0; i < colors.length; i++) colors[i]! /= compactness;

  const axes = gridAxes(height, width, segments);
  const centres = gridCentres(height, width, axes);
  const perArea = 1 / Math.max(axes[0].step, axes[1].step) ** 2;
  // The grid may hold more or fewer centres than asked for; they look as far as their number demands.
  const [axisY, axisX] = gridAxes(height, width, centres.length);
  const means = new Float64Array(centres.length * channels);
  const labels = new Int32Array(height * width);
  const distances = new Float64Array(height * width);
  for (let round = 0; round < rounds; round++) {
    distances.fill(Number.POSITIVE_INFINITY);
    for (const [k, { y: centreY, x: centreX }] of centres.entries()) {
      const [top, bottom] = reach(centreY, axisY, height);
      const [left, right] = reach(centreX, axisX, width);
      for (let y = top; y < bottom; y++) {
        for (let x = left; x < right; x++) {
          const at = y * width + x;
          let distance = ((centreY - y) ** 2 + (centreX - x) ** 2) * perArea;
          for (let c = 0; c < channels; c++) {
            distance += (colors[at * channels + c]! - means[k * channels + c]!) ** 2;
          }
          if (distance < distances[at]!) {
            distances[at] = distance;
            labels[at] = k;
          }
        }
      }
    }
    moveCentres(centres, means, labels, colors, width);
  }
  return joinSmallSegments(labels, height, width, (height * width) / centres.length);
}

interface Centre {
  y: number;
  x: number;
}

/** One axis of the grid of centres: the first of them, and from one to the next. */
interface Axis {
  start: number;
  step: number;
}

/** The grid of about so many centres; an axis shorter than a step has one row of them. */
function gridAxes(height: number, width: number, segments: number): [Axis, Axis] {
  const step = Math.sqrt((height * width) / segments);
  const [stepY, stepX] =
    height < step ? [height, width / segments] : width < step ? [height / segments, width] : [step, step];
  const axis = (exact: number): Axis => ({
    start: Math.floor(exact / 2),
    step: Math.max(1, roundHalfEven(exact)),
  });
  return [axis(stepY), axis(stepX)];
}

function gridCentres(height: number, width: number, axes: readonly [Axis, Axis]): Centre[] {
  const along = (size: number, { start, step }: Axis) =>
    Array.from({ length: Math.ceil((size - start) / step) }, (_, i) => start + i * step);
  const columns = along(width, axes[1]);
  return along(height, axes[0]).flatMap((y) => columns.map((x) => ({ y, x })));
}

/** Where a centre looks for pixels: two steps to each side. */
function reach(centre: number, { step }: Axis, size: number): [number, number] {
  return [Math.trunc(Math.max(centre - 2 * step, 0)), Math.trunc(Math.min(centre + 2 * step + 1, size))];
}

/** Every centre goes to the mean place and colour of its pixels; one without pixels stays. */
function moveCentres(
  centres: Centre[],
  means: Float64Array,
  labels: Int32Array,
  colors: Float64Array,
  width: number,
): void {
  const channels = means.length / centres.length;
  const counts = new Int32Array(centres.length);
  const places = new Float64Array(2 * centres.length);
  const sums = new Float64Array(means.length);
  for (let at = 0; at < labels.length; at++) {
    const k = labels[at]!;
    counts[k]!++;
    places[2 * k]! += Math.trunc(at / width);
    places[2 * k + 1]! += at % width;
    for (let c = 0; c < channels; c++) sums[k * channels + c]! += colors[at * channels + c]!;
  }
  for (const [k, centre] of centres.entries()) {
    const count = counts[k]!;
    if (count === 0) continue;
    centre.y = places[2 * k]! / count;
    centre.x = places[2 * k + 1]! / count;
    for (let c = 0; c < channels; c++) means[k * channels + c] = sums[k * channels + c]! / count;
  }
}

/** To [0, 1]. */
function stretched(image: Float32Array): Float64Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of image) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  const range = high > low ? high - low : 1;
  return Float64Array.from(image, (value) => (value - low) / range);
}

/** sRGB to CIELAB (D65, 2° observer). */
function labColors(rgb: Float64Array): Float64Array {
  const lab = new Float64Array(rgb.length);
  const linear = (v: number) => (v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92);
  const curve = (t: number) => (t > 0.008856 ? Math.cbrt(t) : 7.787 * t + 16 / 116);
  for (let i = 0; i < rgb.length; i += 3) {
    const [r, g, b] = [linear(rgb[i]!), linear(rgb[i + 1]!), linear(rgb[i + 2]!)];
    const x = curve((0.412453 * r + 0.35758 * g + 0.180423 * b) / 0.95047);
    const y = curve(0.212671 * r + 0.71516 * g + 0.072169 * b);
    const z = curve((0.019334 * r + 0.119193 * g + 0.950227 * b) / 1.08883);
    lab.set([116 * y - 16, 500 * (x - y), 200 * (y - z)], i);
  }
  return lab;
}

function roundHalfEven(value: number): number {
  const down = Math.floor(value);
  if (value - down !== 0.5) return Math.round(value);
  return down % 2 === 0 ? down : down + 1;
}
