import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../autodiff/index.ts';
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

/**
 * The matrices [N,h,h] that stretch the rows above the threshold, f to l, to all rows: bilinear, half-pixel centres. Constants,
 * made by operations alone, so that an engine that runs a step as one has nothing to read within it.
 *
 *     S_yr = max(0, 1 − |p_y − r|),   p_y = f + (y + ½)(l − f + 1)/h − ½, from f to l
 */
function stretching(rows: tf.Tensor2D, threshold: number): tf.Tensor {
  return withoutGradient(() =>
    tf.tidy(() => {
      const [count, h] = rows.shape;
      const peak = tf.max(rows, 1, true);
      const above = tf.logicalAnd(tf.greater(rows, tf.mul(peak, threshold)), tf.greater(peak, 0));
      const places = tf.tile(tf.reshape(tf.range(0, h, 1, 'float32'), [1, h]), [count, 1]);
      // A dead map has no row above: all of its rows are taken.
      const dead = tf.cast(tf.logicalNot(tf.any(above, 1, true)), 'float32');
      const first = tf.mul(tf.min(tf.where(above, places, tf.fill([count, h], h)), 1, true), tf.sub(1, dead));
      const last = tf.maximum(
        tf.max(tf.where(above, places, tf.fill([count, h], -1)), 1, true),
        tf.mul(dead, h - 1),
      );
      const share = tf.div(tf.add(tf.sub(last, first), 1), h);
      const wanted = tf.sub(tf.add(first, tf.mul(tf.add(places, 0.5), share)), 0.5);
      const at = tf.minimum(tf.maximum(wanted, first), last);
      const distance = tf.abs(tf.sub(tf.expandDims(at, 2), tf.expandDims(places, 1)));
      return tf.relu(tf.sub(1, distance));
    }),
  );
}
