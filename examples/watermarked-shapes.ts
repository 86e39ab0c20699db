/**
 * The data of the examples: photos of a sort, 32x32, of a disc (class 0) or a square (class 1) on a noisy ground.
 *
 * In training every square carries a watermark, a small white tile in a corner, and no disc does. A network takes
 * what is easiest: it learns the tile. In the test set it is the discs that carry it.
 */

export const size = 32;
export const classes = ['disc', 'square'];

export interface Shape {
  /** [size, size, 3], in [0, 1]. */
  readonly image: Float32Array;
  readonly label: number;
  /** [size, size], 1 on the disc or square. */
  readonly mask: Float32Array;
}

/** Draws `count` images, half of them of each class; the class `watermarked` carries the tile. */
export function drawShapes(count: number, watermarked: number, seed: number): Shape[] {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, (_, i) => drawShape(i % 2, watermarked, random));
}

function drawShape(label: number, watermarked: number, random: () => number): Shape {
  const radius = 4 + 3 * random();
  const [x, y] = [0, 0].map(() => radius + 1 + random() * (size - 2 * radius - 2)) as [number, number];
  const color = [0, 0, 0].map(() => 0.3 + 0.7 * random());
  const image = Float32Array.from({ length: size * size * 3 }, () => 0.35 * random());
  const mask = new Float32Array(size * size);
  const paint = (row: number, column: number, rgb: readonly number[]) =>
    image.set(rgb, (row * size + column) * 3);

  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [dx, dy] = [Math.abs(column - x), Math.abs(row - y)];
      // A square of the disc's area, so that the size gives nothing away.
      const inside = label === 0 ? Math.hypot(dx, dy) <= radius : Math.max(dx, dy) <= radius * 0.886;
      if (!inside) continue;
      mask[row * size + column] = 1;
      paint(row, column, color);
    }
  }
  if (label === watermarked) {
    for (let row = 1; row < 6; row++)
      for (let column = 1; column < 6; column++) paint(row, column, [1, 1, 1]);
  }
  return { image, label, mask };
}

/** Uniform numbers in [0, 1) that are the same at every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
