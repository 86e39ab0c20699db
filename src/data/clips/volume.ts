import { UsageError } from '../../errors/index.ts';

/** A clip or a volume: [frames or depth, height, width, channels]. */
export interface Volume {
  readonly shape: readonly [number, number, number, number];
  /** Row-major. */
  readonly values: Float32Array;
}

/**
 * A volume brought to another size by linear interpolation along each axis, at half-pixel centres as images are.
 *
 * @param size [D,H,W]
 * @throws {UsageError} for sizes below 1
 */
export function resizeVolume(volume: Volume, size: readonly [number, number, number]): Volume {
  if (size.some((one) => !(Number.isInteger(one) && one >= 1))) {
    throw new UsageError(`size: expected three whole numbers of at least 1, received ${size.join(', ')}`);
  }
  let { values } = volume;
  let shape: number[] = [...volume.shape];
  for (const axis of [0, 1, 2] as const) {
    const [from, to] = [shape[axis]!, size[axis]];
    if (from === to) continue;
    const outer = shape.slice(0, axis).reduce((a, b) => a * b, 1);
    const inner = shape.slice(axis + 1).reduce((a, b) => a * b, 1);
    const out = new Float32Array(outer * to * inner);
    for (let i = 0; i < to; i++) {
      const at = Math.min(from - 1, Math.max(0, ((i + 0.5) * from) / to - 0.5));
      const [low, share] = [Math.floor(at), at - Math.floor(at)];
      const high = Math.min(from - 1, low + 1);
      for (let o = 0; o < outer; o++) {
        for (let k = 0; k < inner; k++) {
          const [a, b] = [values[(o * from + low) * inner + k]!, values[(o * from + high) * inner + k]!];
          out[(o * to + i) * inner + k] = a + share * (b - a);
        }
      }
    }
    values = out;
    shape = shape.map((one, a) => (a === axis ? to : one));
  }
  return { shape: shape as [number, number, number, number], values };
}

/** Values from the smallest to the largest as 0 to 1; of one value all over 0. */
export function stretchVolume({ shape, values }: Volume): Volume {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return { shape, values: values.map((value) => (high > low ? (value - low) / (high - low) : 0)) };
}
