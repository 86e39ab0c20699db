import type { Random } from '../../random/index.ts';
import { dilate, type Picture, type Region } from './picture.ts';

/** Shifts of the surroundings that are tried before the best of them fills the hole. */
const tries = 32;
/** Sweeps of the relaxation that carries the differences along the border into the hole. */
const sweeps = 30;
/** How far a filled pixel may be moved towards its surroundings: what is left of an object must not smear. */
const mostCorrection = 0.08;

/**
 * Erases a region: fills it with what lies beside it, so that the picture looks as if the object had never been there.
 *
 * Of several random shifts along the rows, the one is taken whose pixels show no object and fit best along the
 * border of the hole. Its pixels are copied, and their difference to the surroundings along the border is spread
 * smoothly over the hole (the membrane of Poisson editing: Pérez, Gangnet & Blake, "Poisson image editing",
 * SIGGRAPH 2003, with at most ±0.08 of change). Where the shift shows an object or lies outside, the mean of the same
 * row's free pixels stands in, with grain.
 *
 * @param picture changed in place
 * @param region what is to go; a margin of 1/32 of the picture around it goes too
 * @param objects pixels of this and other objects, never copied from
 */
export function eraseRegion(picture: Picture, region: Region, objects: Region, random: Random): void {
  const { width, height } = picture;
  const margin = Math.max(1, Math.round(Math.max(width, height) / 32));
  const hole = dilate(region, width, margin);
  const taboo = dilate(objects, width, 1);
  for (let p = 0; p < hole.length; p++) taboo[p]! |= hole[p]!;
  const holePixels = indicesOf(hole);
  if (holePixels.length === 0) return;
  const border = indicesOf(dilate(hole, width, 1)).filter((p) => !hole[p]);
  const shift = bestShift(picture, holePixels, border, taboo, random);

  const source = Int32Array.from(holePixels, (p) => shifted(p, shift, width, height, taboo));
  const original = Float32Array.from(picture.data);
  fillByRows(picture, original, holePixels, taboo, random);
  copyWithMembrane(picture, original, holePixels, source, border, shift, taboo);
}

interface Shift {
  readonly dx: number;
  readonly dy: number;
}

function indicesOf(region: Region): Int32Array {
  const found: number[] = [];
  for (let p = 0; p < region.length; p++) if (region[p]) found.push(p);
  return Int32Array.from(found);
}

/** The pixel that a shift copies from; −1 where that shows an object or lies outside. */
function shifted(p: number, { dx, dy }: Shift, width: number, height: number, taboo: Region): number {
  const x = (p % width) + dx;
  const y = Math.floor(p / width) + dy;
  if (x < 0 || x >= width || y < 0 || y >= height) return -1;
  const q = y * width + x;
  return taboo[q] ? -1 : q;
}

function bestShift(
  { data, width, height }: Picture,
  hole: Int32Array,
  border: Int32Array,
  taboo: Region,
  random: Random,
): Shift {
  const rows = Math.max(1, Math.round(height / 32));
  let best: Shift = { dx: 0, dy: 0 };
  let lowest = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < tries; attempt++) {
    const sign = random.next() < 0.5 ? -1 : 1;
    const dx = sign * (Math.round(width / 16) + random.integer(width - Math.round(width / 16)));
    const dy = random.integer(2 * rows + 1) - rows;
    const shift = { dx, dy };
    let missing = 0;
    for (let i = 0; i < hole.length; i++) {
      if (shifted(hole[i]!, shift, width, height, taboo) < 0) missing++;
      if (3 * missing >= lowest * hole.length) break;
    }
    if (3 * missing >= lowest * hole.length) continue;
    let difference = 0;
    let compared = 0;
    for (let i = 0; i < border.length; i++) {
      const p = border[i]!;
      const q = taboo[p] ? shiftedFreely(p, shift, width, height) : shifted(p, shift, width, height, taboo);
      if (q < 0) continue;
      compared++;
      for (let c = 0; c < 3; c++) difference += Math.abs(data[p * 3 + c]! - data[q * 3 + c]!);
    }
    const cost = (3 * missing) / hole.length + (compared > 0 ? difference / (3 * compared) : 1);
    if (cost < lowest) [best, lowest] = [shift, cost];
  }
  return best;
}

function shiftedFreely(p: number, { dx, dy }: Shift, width: number, height: number): number {
  const x = (p % width) + dx;
  const y = Math.floor(p / width) + dy;
  return x < 0 || x >= width || y < 0 || y >= height ? -1 : y * width + x;
}

/** Fills the hole with the mean of each row's free pixels and grain; a row without any takes the nearest row's. */
function fillByRows(
  { data, width, height }: Picture,
  original: Float32Array,
  hole: Int32Array,
  taboo: Region,
  random: Random,
): void {
  const means: (readonly [number, number, number] | undefined)[] = [];
  for (let y = 0; y < height; y++) {
    const sum: [number, number, number] = [0, 0, 0];
    let count = 0;
    for (let p = y * width; p < (y + 1) * width; p++) {
      if (taboo[p]) continue;
      count++;
      for (let c = 0; c < 3; c++) sum[c]! += original[p * 3 + c]!;
    }
    means.push(count === 0 ? undefined : [sum[0] / count, sum[1] / count, sum[2] / count]);
  }
  const meanOf = (row: number): readonly [number, number, number] => {
    for (let away = 0; away < height; away++) {
      const found = means[row - away] ?? means[row + away];
      if (found) return found;
    }
    return [0.5, 0.5, 0.5];
  };
  for (const p of hole) {
    const mean = meanOf(Math.floor(p / width));
    const grain = random.uniform(-0.04, 0.04);
    for (let c = 0; c < 3; c++) data[p * 3 + c] = clamp(mean[c]! + grain);
  }
}

/** Copies the shifted pixels into the hole, moved by a membrane through the differences along the border. */
function copyWithMembrane(
  { data, width, height }: Picture,
  original: Float32Array,
  hole: Int32Array,
  source: Int32Array,
  border: Int32Array,
  shift: Shift,
  taboo: Region,
): void {
  // 0: not part of the membrane; 1: held, on the border; 2: free, inside.
  const kind = new Uint8Array(width * height);
  const membrane = new Float32Array(width * height * 3);
  for (const p of border) {
    const q = taboo[p] ? -1 : shifted(p, shift, width, height, taboo);
    if (q < 0) continue;
    kind[p] = 1;
    for (let c = 0; c < 3; c++) {
      const difference = original[p * 3 + c]! - original[q * 3 + c]!;
      membrane[p * 3 + c] = Math.min(mostCorrection, Math.max(-mostCorrection, difference));
    }
  }
  hole.forEach((p, i) => {
    if (source[i]! >= 0) kind[p] = 2;
  });
  const free = hole.filter((p) => kind[p] === 2);
  const beside = neighboursOf(free, kind, width, height);
  for (let sweep = 0; sweep < sweeps; sweep++) {
    for (let k = 0; k < free.length; k++) {
      const i = sweep % 2 === 0 ? k : free.length - 1 - k;
      let count = 0;
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let n = i * 4; n < i * 4 + 4; n++) {
        const q = beside[n]!;
        if (q < 0) break;
        count++;
        red += membrane[q]!;
        green += membrane[q + 1]!;
        blue += membrane[q + 2]!;
      }
      if (count === 0) continue;
      const at = free[i]! * 3;
      membrane[at] = red / count;
      membrane[at + 1] = green / count;
      membrane[at + 2] = blue / count;
    }
  }
  hole.forEach((p, i) => {
    const q = source[i]!;
    if (q < 0) return;
    for (let c = 0; c < 3; c++) data[p * 3 + c] = clamp(original[q * 3 + c]! + membrane[p * 3 + c]!);
  });
}

/** Of each pixel: where the values of up to four neighbours of the membrane begin, ended by −1. */
function neighboursOf(pixels: Int32Array, kind: Uint8Array, width: number, height: number): Int32Array {
  const beside = new Int32Array(pixels.length * 4).fill(-1);
  pixels.forEach((p, i) => {
    const x = p % width;
    let n = i * 4;
    if (x > 0 && kind[p - 1]) beside[n++] = (p - 1) * 3;
    if (x + 1 < width && kind[p + 1]) beside[n++] = (p + 1) * 3;
    if (p >= width && kind[p - width]) beside[n++] = (p - width) * 3;
    if (p + width < width * height && kind[p + width]) beside[n++] = (p + width) * 3;
  });
  return beside;
}

function clamp(value: number): number {
  return value < 0 ? 0 : Math.min(1, value);
}
