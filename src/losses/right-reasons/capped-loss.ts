import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';

/**
 * A loss that above a ceiling is the ceiling: a constant, without gradient.
 *
 * The XIL benchmark treats its losses so, under the name of clipping. The network then learns nothing from the
 * batches that it is most wrong on; to bound the size of a step, clip the gradient's norm instead.
 *
 * @returns scalar
 */
export function cappedLoss(loss: tf.Scalar, ceiling: number): tf.Scalar {
  return tf.tidy(() => {
    const below = withoutGradient(() => tf.cast(tf.lessEqual(loss, ceiling), 'float32'));
    return tf.add(tf.mul(loss, below), tf.mul(tf.sub(1, below), ceiling));
  });
}
