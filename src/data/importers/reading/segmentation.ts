/** A COCO segmentation: polygons [x1, y1, x2, y2, …], or runs down the columns, compressed (a string) or not. */
export type CocoSegmentation =
  | number[][]
  | { size: [height: number, width: number]; counts: number[] | string };

/**
 * Draws a COCO segmentation.
 *
 * @returns [height*width] row by row, 1 in the object
 * @throws {RangeError} that tells which rule the segmentation breaks
 */
export function drawSegmentation(segmentation: CocoSegmentation, width: number, height: number): Uint8Array {
  const mask = new Uint8Array(width * height);
  if (Array.isArray(segmentation)) {
    for (const polygon of segmentation) fillPolygon(mask, width, height, polygon);
    return mask;
  }
  const { size, counts } = segmentation;
  if (size[0] !== height || size[1] !== width) {
    throw new RangeError(`size is ${size[1]}x${size[0]}, its image ${width}x${height} (width x height)`);
  }
  fillRuns(mask, width, height, typeof counts === 'string' ? decompressRuns(counts) : counts);
  return mask;
}

/**
 * Fills a polygon by the even-odd rule: a pixel is inside when its centre is. (The COCO tools round the corners to
 * fifths of a pixel first, which moves a pixel of the rim here and there.)
 */
function fillPolygon(mask: Uint8Array, width: number, height: number, polygon: readonly number[]): void {
  if (polygon.length < 6 || polygon.length % 2 !== 0) {
    throw new RangeError(`a polygon needs pairs of numbers, at least three, not ${polygon.length} numbers`);
  }
  const rows = polygon.filter((_, i) => i % 2 === 1);
  const lastRow = Math.min(height - 1, Math.ceil(Math.max(...rows)));
  for (let y = Math.max(0, Math.floor(Math.min(...rows))); y <= lastRow; y++) {
    const crossings: number[] = [];
    for (let i = 0; i < polygon.length; i += 2) {
      const [x1, y1] = [polygon[i]!, polygon[i + 1]!];
      const [x2, y2] = [polygon[(i + 2) % polygon.length]!, polygon[(i + 3) % polygon.length]!];
      // Half open, so that a corner on the line through the centres is counted once.
      if (y1 <= y + 0.5 !== y2 <= y + 0.5) crossings.push(x1 + ((y + 0.5 - y1) / (y2 - y1)) * (x2 - x1));
    }
    crossings.sort((a, b) => a - b);
    for (let i = 0; i + 1 < crossings.length; i += 2) {
      const from = Math.max(0, Math.ceil(crossings[i]! - 0.5));
      const to = Math.min(width, Math.ceil(crossings[i + 1]! - 0.5));
      if (to > from) mask.fill(1, y * width + from, y * width + to);
    }
  }
}

/** Runs go down the columns, from the left; the first, which may be empty, is outside. */
function fillRuns(mask: Uint8Array, width: number, height: number, runs: readonly number[]): void {
  const sum = runs.reduce((total, run) => total + run, 0);
  if (sum !== width * height || runs.some((run) => !Number.isInteger(run) || run < 0)) {
    throw new RangeError(`the runs cover ${sum} pixels of ${width * height}`);
  }
  let position = 0;
  for (const [i, run] of runs.entries()) {
    const end = position + run;
    for (; position < end && i % 2 === 1; position++) {
      mask[(position % height) * width + Math.floor(position / height)] = 1;
    }
    position = end;
  }
}

/**
 * Reads the runs from the string of the COCO tools: numbers of variable length in characters from `0` on. Five bits
 * of each hold the value, the lowest first, the sixth says that more follow, the last one's fifth is the sign. From
 * the fourth run on, what is stored is the difference to the run before the last.
 */
export function decompressRuns(text: string): number[] {
  const runs: number[] = [];
  let [value, bits] = [0, 0];
  for (const character of text) {
    const digit = character.charCodeAt(0) - 48;
    if (digit < 0 || digit > 63 || bits > 30)
      throw new RangeError('the runs are no string of the COCO tools');
    value |= (digit & 0x1f) << bits;
    bits += 5;
    if (digit & 0x20) continue;
    if (digit & 0x10 && bits < 32) value |= -1 << bits;
    runs.push(runs.length > 2 ? value + runs.at(-2)! : value);
    [value, bits] = [0, 0];
  }
  if (bits > 0) throw new RangeError('the string of the runs is cut short');
  return runs;
}
