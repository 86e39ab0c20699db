import * as tf from '@tensorflow/tfjs-core';
import { draw } from './reference.ts';

/** A classifier in two halves: features up to a target layer A, and the head from A to the outputs [B, C]. */
export interface Network {
  features(image: tf.Tensor4D, parameters: tf.Tensor[]): tf.Tensor4D;
  head(a: tf.Tensor4D, parameters: tf.Tensor[]): tf.Tensor2D;
}

const conv = (x: tf.Tensor, filter: tf.Tensor, pad: 'same' | 'valid' = 'same', dilations = 1) =>
  tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, pad, 'NHWC', dilations);

const flat = (x: tf.Tensor) => tf.reshape(x, [x.shape[0]!, -1]);

/** The networks of test/reference/autodiff.py, parameter by parameter. */
export const networks: Record<string, Network> = {
  mobile: {
    features: (image, [w, b]) => tf.elu(tf.add(conv(image, w!), b!)) as tf.Tensor4D,
    head(a, [, , depth, beta, gamma, w1, b1, w2, b2, w3, b3]) {
      let x: tf.Tensor = tf.maxPool(a, 3, 2, 'same');
      x = tf.depthwiseConv2d(x as tf.Tensor4D, depth as tf.Tensor4D, 1, 'same');
      const { mean, variance } = tf.moments(x, [0, 1, 2]);
      x = tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        variance as tf.Tensor1D,
        beta as tf.Tensor1D,
        gamma as tf.Tensor1D,
        1e-3,
      );
      x = tf.relu6(tf.mul(x, 4));
      x = tf.tanh(tf.add(conv(x, w1!, 'same', 2), b1!));
      x = flat(tf.avgPool(x as tf.Tensor4D, 3, 2, 'same'));
      x = tf.sigmoid(tf.add(tf.matMul(x, w2!), b2!));
      return tf.softmax(tf.add(tf.matMul(x, w3!), b3!)) as tf.Tensor2D;
    },
  },
  classic: {
    features(image, [w1, b1, w2, b2]) {
      const x = tf.maxPool(tf.relu(tf.add(conv(image, w1!), b1!)) as tf.Tensor4D, 2, 2, 'valid');
      return tf.relu(tf.add(conv(x, w2!), b2!)) as tf.Tensor4D;
    },
    head(a, [, , , , w1, b1, mean, logVariance, beta, gamma, w2, b2]) {
      let x: tf.Tensor = tf.maxPool(a, 2, 2, 'valid');
      x = tf.mul(x, tf.sigmoid(x));
      x = tf.leakyRelu(tf.add(conv(x, w1!, 'valid'), b1!), 0.1);
      x = tf.batchNorm(
        x,
        mean as tf.Tensor1D,
        tf.exp(logVariance as tf.Tensor1D),
        beta as tf.Tensor1D,
        gamma as tf.Tensor1D,
        1e-3,
      );
      const gelu = tf.mul(tf.mul(x, 0.5), tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2))));
      const pooled = tf.concat([tf.max(gelu, [1, 2]), tf.mean(tf.softplus(x), [1, 2])], -1);
      return tf.logSoftmax(tf.add(tf.matMul(pooled, w2!), b2!)) as tf.Tensor2D;
    },
  },
};

/**
 * A loss on the explanation: Σ v (∂score/∂A)² + Σ M², M the Grad-CAM map of each image, and its gradient with respect
 * to every parameter.
 */
export function explanationLoss(network: Network, shapes: number[][]) {
  return tf.tidy(() => {
    const image = draw([2, 8, 8, 3], 100) as tf.Tensor4D;
    const parameters = shapes.map((shape, index) => draw(shape, index + 1, { low: -0.7, high: 0.7 }));
    const scoreWeights = tf.tensor2d([
      [0, 30, 0],
      [30, 0, 0],
    ]);
    const loss = (...weights: tf.Tensor[]): tf.Scalar => {
      const a = network.features(image, weights);
      const gradient = tf.grad((x: tf.Tensor) =>
        tf.sum(tf.mul(network.head(x as tf.Tensor4D, weights), scoreWeights)),
      )(a);
      const maps = tf.relu(tf.sum(tf.mul(tf.mean(gradient, [1, 2], true), a), -1));
      const weighted = tf.mul(draw(gradient.shape, 201), tf.square(gradient));
      return tf.add(tf.sum(weighted), tf.sum(tf.square(maps)));
    };
    const { value, grads } = tf.valueAndGrads(loss)(parameters);
    return {
      loss: value.dataSync()[0]!,
      gradients: grads.map((gradient) => Array.from(gradient.dataSync())),
    };
  });
}
