import * as tf from '@tensorflow/tfjs-core';

/**
 * Quotient of two scalars that is 0, with zero gradient, where the divisor is 0.
 *
 * A batch without a single mask, or one whose pairs are all padding, is an ordinary batch; 0/0 would turn
 * the value and every gradient into NaN.
 *
 * @param sum scalar that is 0 whenever the divisor is
 * @param divisor scalar, not negative
 * @returns scalar
 */
export function ratioOrZero(sum: tf.Tensor, divisor: tf.Tensor): tf.Scalar {
  return tf.tidy(() => tf.div(sum, tf.add(divisor, tf.cast(tf.equal(divisor, 0), 'float32'))));
}

/**
 * Mean of values under weights that may all be zero.
 *
 *     m = Σ_i w_i v_i / Σ_i w_i,   and 0 (with zero gradient) when Σ_i w_i = 0
 *
 * @param values `[N]`
 * @param weights `[N]`, not negative
 * @param total divides instead of Σ w when given, for a mean over more than what the weights let through
 * @returns scalar
 */
export function weightedMean(values: tf.Tensor1D, weights: tf.Tensor1D, total?: number): tf.Scalar {
  return tf.tidy(() => {
    const divisor = total === undefined ? tf.sum(weights) : tf.scalar(total);
    return ratioOrZero(tf.sum(tf.mul(values, weights)), divisor);
  });
}
