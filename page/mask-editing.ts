/** A mask in the making: what a person says of each pixel. */
export interface Marks {
  readonly height: number;
  readonly width: number;
  /** [H·W]: 0 for nothing, c + 1 where it matters for class c. */
  readonly classes: Uint8Array;
  /** [H·W]: 1 where it must not matter. */
  readonly irrelevant: Uint8Array;
}

/** What is painted with: a class, what must not matter, or nothing. */
export type Paint = { readonly class: number } | 'irrelevant' | 'nothing';

export type Point = readonly [y: number, x: number];

export function emptyMarks(height: number, width: number): Marks {
  const size = height * width;
  return { height, width, classes: new Uint8Array(size), irrelevant: new Uint8Array(size) };
}

/** Paints the pixels that a region holds; a pixel is one thing or the other. */
export function painted(marks: Marks, region: (y: number, x: number) => boolean, paint: Paint): Marks {
  const { height, width } = marks;
  const [classes, irrelevant] = [marks.classes.slice(), marks.irrelevant.slice()];
  for (let y = 0, p = 0; y < height; y++) {
    for (let x = 0; x < width; x++, p++) {
      if (!region(y, x)) continue;
      classes[p] = typeof paint === 'object' ? paint.class + 1 : 0;
      irrelevant[p] = paint === 'irrelevant' ? 1 : 0;
    }
  }
  return { height, width, classes, irrelevant };
}

/** A stroke of a round brush from one place to another, in pixels; the centre of a pixel is at half. */
export function stroke([y0, x0]: Point, [y1, x1]: Point, radius: number): (y: number, x: number) => boolean {
  const [dy, dx] = [y1 - y0, x1 - x0];
  const length = dy * dy + dx * dx;
  // The smallest brush still paints the pixel that it is in.
  const reach = Math.max(radius, 0.71) ** 2;
  return (y, x) => {
    const [v, u] = [y + 0.5, x + 0.5];
    const along = length === 0 ? 0 : Math.min(1, Math.max(0, ((v - y0) * dy + (u - x0) * dx) / length));
    return (v - y0 - along * dy) ** 2 + (u - x0 - along * dx) ** 2 <= reach;
  };
}

/** The pixels whose centres lie between two corners. */
export function boxOf([y0, x0]: Point, [y1, x1]: Point): (y: number, x: number) => boolean {
  const [top, bottom, left, right] = [Math.min(y0, y1), Math.max(y0, y1), Math.min(x0, x1), Math.max(x0, x1)];
  return (y, x) => y + 0.5 >= top && y + 0.5 <= bottom && x + 0.5 >= left && x + 0.5 <= right;
}

/** The pixels whose centres lie in a polygon, by the even-odd rule. */
export function polygonOf(corners: readonly Point[]): (y: number, x: number) => boolean {
  return (y, x) => {
    const [v, u] = [y + 0.5, x + 0.5];
    let inside = false;
    for (const [i, [y1, x1]] of corners.entries()) {
      const [y0, x0] = corners.at(i - 1)!;
      if (y0 > v !== y1 > v && u < x0 + ((v - y0) * (x1 - x0)) / (y1 - y0)) inside = !inside;
    }
    return inside;
  };
}

/**
 * The pixels that are connected to a place (by their edges) and no more unlike it than the tolerance.
 *
 * @param distance [H·W] from 0 to 1
 */
export function grown(
  distance: Float32Array,
  height: number,
  width: number,
  [y, x]: Point,
  tolerance: number,
): (y: number, x: number) => boolean {
  const inside = new Uint8Array(height * width);
  const start = Math.floor(y) * width + Math.floor(x);
  const queue = [start];
  inside[start] = 1;
  while (queue.length > 0) {
    const p = queue.pop()!;
    const u = p % width;
    const next = [p - width, p + width, ...(u > 0 ? [p - 1] : []), ...(u < width - 1 ? [p + 1] : [])];
    for (const q of next) {
      if (q < 0 || q >= inside.length || inside[q] || distance[q]! > tolerance) continue;
      inside[q] = 1;
      queue.push(q);
    }
  }
  return (v, u) => inside[v * width + u] === 1;
}

export function sameMarks(a: Marks, b: Marks): boolean {
  return (
    a.classes.every((value, i) => value === b.classes[i]) &&
    a.irrelevant.every((value, i) => value === b.irrelevant[i])
  );
}
