import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import { type Pair, pairColumns } from '../../gradcam/index.ts';

/** An image of the batch that is explained, with the pairs that ask for it. */
export interface Subject {
  /** Row of the batch. */
  readonly sample: number;
  /** The image on the host, as long as `shape` says. */
  readonly image: Float32Array;
  /** [H,W,c], or [D,H,W,c] for a volume. */
  readonly shape: readonly number[];
  /** Positions of the pairs in the list of all. */
  readonly pairs: readonly number[];
  /** The column that each of all pairs asks for, of so many; `undefined` for one score whatever the class. */
  columns(classes: number | undefined): number[];
  /** All inputs of the model for copies [n, …shape] of the image; the other inputs are repeated. */
  inputs(copies: tf.Tensor): tf.Tensor[];
}

/**
 * Brings the images that pairs ask for to the host, each once.
 *
 * @param images [B, …shape], or one tensor per input
 * @param input which of several inputs is looked at
 * @param ranks what the images may be: 4 for [B,H,W,c], 5 for volumes
 * @throws {UsageError} when images or pairs do not fit
 */
export async function subjectsOf(
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  input = 0,
  ranks: readonly number[] = [4],
): Promise<{ shape: readonly number[]; subjects: Subject[] }> {
  const list = images instanceof tf.Tensor ? [images] : images;
  const looked = list[input];
  if (!looked)
    throw new UsageError(`input: there are ${list.length} inputs, numbered from 0, received ${input}`);
  if (!ranks.includes(looked.rank)) {
    const forms = ranks.map((rank) => (rank === 4 ? '[B, H, W, c]' : '[B, D, H, W, c]')).join(' or ');
    throw new UsageError(`images: expected ${forms}, received [${looked.shape.join(', ')}]`);
  }
  const [samples, ...shape] = looked.shape as [number, ...number[]];
  const columns = (classes: number | undefined) => pairColumns(pairs, { samples, classes });
  columns(undefined);
  const values = (await looked.data()) as Float32Array;
  const size = tf.util.sizeFromShape(shape);
  const subjects = [...new Set(pairs.map(({ sample }) => sample))].map(
    (sample): Subject => ({
      sample,
      image: Float32Array.from(values.subarray(sample * size, (sample + 1) * size)),
      shape,
      pairs: pairs.flatMap((pair, p) => (pair.sample === sample ? [p] : [])),
      columns,
      inputs: (copies) =>
        list.map((tensor, i) => {
          if (i === input) return copies;
          const row = tf.slice(tensor, sample, 1);
          return tf.tile(row, [copies.shape[0]!, ...row.shape.slice(1).map(() => 1)]);
        }),
    }),
  );
  return { shape, subjects };
}

/**
 * What a removed pixel becomes: one value per channel.
 *
 * @param fill a number for all channels, or one for each
 * @throws {UsageError} when there are not as many as channels
 */
export function fillColor(fill: number | readonly number[], channels: number): Float32Array {
  const values = typeof fill === 'number' ? new Array<number>(channels).fill(fill) : fill;
  if (values.length !== channels) {
    throw new UsageError(
      `fill: expected a number, or one for each of ${channels} channels, received ${values.length}`,
    );
  }
  return Float32Array.from(values);
}

/** The mean of an image, per channel. */
export function meanColor(image: Float32Array, channels: number): Float32Array {
  const sums = new Float64Array(channels);
  for (let i = 0; i < image.length; i++) sums[i % channels]! += image[i]!;
  return Float32Array.from(sums, (sum) => (sum * channels) / image.length);
}

/** @throws {UsageError} when the value is not a whole number in the range */
export function wholeNumber(
  name: string,
  value: number,
  low: number,
  high = Number.POSITIVE_INFINITY,
): number {
  if (Number.isInteger(value) && value >= low && value <= high) return value;
  const range = high === Number.POSITIVE_INFINITY ? `of at least ${low}` : `from ${low} to ${high}`;
  throw new UsageError(`${name}: expected a whole number ${range}, received ${value}`);
}
