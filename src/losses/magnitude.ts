import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../autodiff/index.ts';

/** |x| with a slope of 0 at 0, where that of `tf.abs` is −1: what is clipped or masked out has many zeros. */
export function magnitude<T extends tf.Tensor>(x: T): T {
  return tf.mul(
    x,
    withoutGradient(() => tf.sign(x)),
  );
}
