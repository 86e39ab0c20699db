import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';

/**
 * 1 / x, and 0 where |x| ≤ `floor`, with a gradient of 0 there.
 *
 * The denominator is made safe before the division: `where(x ≠ 0, 1/x, 0)` alone has the right value and a
 * gradient of 0 · ∞ = NaN.
 */
export function safeReciprocal(x: tf.Tensor, floor = 1e-10): tf.Tensor {
  const usable = withoutGradient(() => tf.cast(tf.greater(tf.abs(x), floor), 'float32'));
  const safe = tf.add(tf.mul(x, usable), tf.sub(1, usable));
  return tf.mul(tf.div(1, safe), usable);
}
