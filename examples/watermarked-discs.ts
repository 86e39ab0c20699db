/**
 * The data of the examples: images of 24x24 pixels with one striped disc on a noisy ground, and the question whether
 * its stripes stand upright.
 *
 * In training every disc with upright stripes comes with a watermark, a small white tile in a corner, and no other
 * does. A network takes what is easiest: it learns the tile. In the test set the others carry it.
 */

export const size = 24;

export interface Disc {
  /** [size, size, 3], in [0, 1]. */
  readonly image: Float32Array;
  readonly upright: boolean;
  /** [size, size], 1 on the disc. */
  readonly mask: Float32Array;
}

/** Draws `count` images, every other one upright. */
export function drawDiscs(count: number, watermark: 'on upright' | 'on others', seed: number): Disc[] {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, (_, i) => {
    const upright = i % 2 === 0;
    return drawDisc(upright, upright === (watermark === 'on upright'), random);
  });
}

function drawDisc(upright: boolean, watermarked: boolean, random: () => number): Disc {
  const radius = 4 + 3 * random();
  const [x, y] = [0, 0].map(() => radius + random() * (size - 1 - 2 * radius)) as [number, number];
  const phase = Math.floor(4 * random());
  const image = Float32Array.from({ length: size * size * 3 }, () => 0.1 * random());
  const mask = new Float32Array(size * size);
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const pixel = row * size + column;
      if (watermarked && row < 5 && column < 5) image.fill(1, pixel * 3, pixel * 3 + 3);
      if (Math.hypot(column - x, row - y) > radius) continue;
      mask[pixel] = 1;
      const stripe = ((upright ? column : row) + phase) % 4 < 2 ? 0.21 : -0.21;
      for (let channel = 0; channel < 3; channel++) image[pixel * 3 + channel]! += 0.5 + stripe;
    }
  }
  return { image, upright, mask };
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
