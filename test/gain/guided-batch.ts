import * as tf from '@tensorflow/tfjs-core';
import type { GainBatch } from '../../src/gain/objective/index.ts';
import { numbers } from './reference-net.ts';

/** Of a case of the references of guided terms, what its batch is made of. */
export interface GuidedCase {
  labels: number[][];
  maskPairs: [number, number][];
  options: { marks?: 'must-not-matter' };
}

export const images = tf.tidy(
  () => tf.add(tf.tensor4d(numbers(7, 3 * 432), [3, 12, 12, 3]), 0.5) as tf.Tensor4D,
);
/** The terms of GAIN, left out. */
export const off = { classification: 0, mining: 0, supervision: 0 };
export const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

/** The blocks of the reference: rows 2m+1 to 2m+4, columns 3 to 6+m. */
export function blocks(count: number): tf.Tensor3D {
  const values = new Float32Array(count * 144);
  for (let m = 0; m < count; m++) {
    for (let y = 2 * m + 1; y < 2 * m + 5; y++)
      values.fill(1, m * 144 + y * 12 + 3, m * 144 + y * 12 + 7 + m);
  }
  return tf.tensor3d(values, [count, 12, 12]);
}

export const batchOf = ({ labels, maskPairs, options }: GuidedCase): GainBatch => ({
  images,
  labels,
  masks: blocks(maskPairs.length),
  maskPairs: maskPairs.map(([sample, c]) => ({ sample, class: c })),
  marks: options.marks,
});
