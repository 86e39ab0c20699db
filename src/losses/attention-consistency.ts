import * as tf from '@tensorflow/tfjs-core';
import { interpolationMatrix, withoutGradient } from '../autodiff/index.ts';
import { UsageError } from '../errors/index.ts';
import { type ReductionOptions, weightedMean } from './weighted-mean.ts';

export interface AttentionConsistencyOptions extends ReductionOptions {
  /**
   * Rows count from the first to the last whose largest value is above this share of the map's; they are stretched to the
   * height of the map before they are compared. 0 compares rows as they are.
   * @default 0.3
   */
  readonly threshold?: number | undefined;
}

/** Against a map of zeros. */
const floor = 1e-12;

/**
 * Spatial consistency: two images of one identity are to be attended at the same heights of the body.
 *
 *     p_i = max over columns of A_i, its rows above the threshold stretched to h
 *     L = Σ_n w_n ‖p_1 / ‖p_1‖₂ − p_2 / ‖p_2‖₂‖₂ / Σ_n w_n
 *
 * Which rows are stretched is a constant of the gradient. A dead map costs what a vector of zeros does, and has no gradient.
 *
 * @param first A₁ `[N,h,w]`, not negative
 * @param second A₂ `[N,h,w]`, of the other image of each pair
 * @returns scalar
 * @throws {UsageError} when the maps differ in shape or the threshold is out of range
 * @see Zheng, Karanam, Wu, Radke, "Re-Identification with Consistent Attentive Siamese Networks", CVPR 2019,
 *   arXiv 1811.07487, section 3.2, "spatial constraint"
 */
export function attentionConsistency(
  first: tf.Tensor3D,
  second: tf.Tensor3D,
  { threshold = 0.3, ...reduction }: AttentionConsistencyOptions = {},
): tf.Scalar {
  if (first.shape.join() !== second.shape.join()) {
    throw new UsageError(`maps: must have one shape, had [${first.shape}] and [${second.shape}]`);
  }
  if (!(threshold >= 0 && threshold < 1)) {
    throw new UsageError(`threshold: must be from 0 to 1, was ${threshold}`);
  }
  return tf.tidy(() => {
    const [a, b] = [first, second].map((maps) => unitRows(tf.max(maps, 2) as tf.Tensor2D, threshold));
    const square = tf.sum(tf.square(tf.sub(a!, b!)), 1);
    // √ has no derivative at 0, where two maps agree.
    return weightedMean(tf.sqrt(tf.add(square, floor)) as tf.Tensor1D, reduction);
  });
}

/** Rows of each map, stretched and of length 1. */
function unitRows(rows: tf.Tensor2D, threshold: number): tf.Tensor {
  const stretched =
    threshold > 0 ? tf.squeeze(tf.matMul(stretching(rows, threshold), tf.expandDims(rows, 2)), [2]) : rows;
  const length = tf.sqrt(tf.add(tf.sum(tf.square(stretched), 1, true), floor));
  return tf.div(stretched, length);
}

/** The matrices [N,h,h] that stretch the rows above the threshold to all rows; constants. */
function stretching(rows: tf.Tensor2D, threshold: number): tf.Tensor3D {
  const [count, h] = rows.shape;
  const values = withoutGradient(() => tf.clone(rows)).arraySync();
  const matrices = new Float32Array(count * h * h);
  for (const [n, row] of values.entries()) {
    const peak = Math.max(...row);
    const above = row.flatMap((value, y) => (peak > 0 && value > threshold * peak ? [y] : []));
    const [from, to] = above.length > 0 ? [above[0]!, above.at(-1)! + 1] : [0, h];
    const inner = interpolationMatrix(to - from, h);
    for (let y = 0; y < h; y++) {
      matrices.set(inner.subarray(y * (to - from), (y + 1) * (to - from)), (n * h + y) * h + from);
    }
  }
  return tf.tensor3d(matrices, [count, h, h]);
}
