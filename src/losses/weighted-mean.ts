import * as tf from '@tensorflow/tfjs-core';

/** How the losses of single items (images, maps, pairs) become one. */
export interface ReductionOptions {
  /** w of each item, `[N]`, not negative; 0 leaves one out. @default all 1 */
  readonly weights?: tf.Tensor1D | undefined;
  /** Divides instead of Σ w: B for a mean over the batch, 1 for a sum. @default Σ w */
  readonly total?: number | undefined;
}

/** The same for losses that add up pixels. */
export interface PixelReductionOptions extends ReductionOptions {
  /** Sum over the pixels of a map, which grows with its size, or their mean. */
  readonly pixels?: 'sum' | 'mean' | undefined;
}

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
 * @returns scalar
 */
export function weightedMean(values: tf.Tensor1D, { weights, total }: ReductionOptions = {}): tf.Scalar {
  return tf.tidy(() => {
    const w = weights ?? tf.ones([values.shape[0]]);
    const divisor = total === undefined ? tf.sum(w) : tf.scalar(total);
    return ratioOrZero(tf.sum(tf.mul(values, w)), divisor);
  });
}

/** Each item's pixels as one number: `[N,h,w]`, of clips and volumes `[N,d,h,w]`, to `[N]`. */
export function overPixels(values: tf.Tensor, pixels: 'sum' | 'mean'): tf.Tensor1D {
  const axes = values.shape.slice(1).map((_, axis) => axis + 1);
  return (pixels === 'sum' ? tf.sum(values, axes) : tf.mean(values, axes)) as tf.Tensor1D;
}
