import * as tf from '@tensorflow/tfjs-core';
import type { GradientRule } from './gradient-rule.ts';

interface LrnAttrs {
  depthRadius: number;
  bias: number;
  alpha: number;
  beta: number;
}

/** Sums over the channels j with |i − j| ≤ radius, as a product with the [K,K] matrix of those pairs. */
function channelWindowSum(x: tf.Tensor, radius: number): tf.Tensor {
  const channels = x.shape.at(-1)!;
  const near = Float32Array.from({ length: channels * channels }, (_, at) =>
    Math.abs(Math.floor(at / channels) - (at % channels)) <= radius ? 1 : 0,
  );
  const pixels = tf.reshape(x, [-1, channels]);
  return tf.reshape(tf.matMul(pixels, tf.tensor2d(near, [channels, channels])), x.shape);
}

/**
 * Local response normalization over channels, y = x · n^−β with n = bias + α Σ_{window} x²:
 * dx = dy · n^−β − 2αβ · x ⊙ Σ_{window} (dy ⊙ x ⊙ n^(−β−1)).
 */
export const normalizationRules: Record<string, GradientRule> = {
  [tf.LRN]: {
    inputs: ['x'],
    backward: (dy, [x], { depthRadius, bias, alpha, beta }: LrnAttrs) => ({
      x: () => {
        const norm = tf.add(tf.mul(channelWindowSum(tf.square(x), depthRadius), alpha), bias);
        const crossTerm = tf.mul(tf.mul(dy, x), tf.pow(norm, -beta - 1));
        return tf.sub(
          tf.mul(dy, tf.pow(norm, -beta)),
          tf.mul(tf.mul(x, 2 * alpha * beta), channelWindowSum(crossTerm, depthRadius)),
        );
      },
    }),
  },
};
