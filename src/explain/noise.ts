import * as tf from '@tensorflow/tfjs-core';
import { normals } from '../random/index.ts';

/**
 * Adds Gaussian noise to images. One draw serves all images of a batch, so that an image's explanation does not depend
 * on who else is explained.
 *
 * @param images [B,…]
 * @param range images whose values say how large the noise is, [B,…]
 * @param share σ as a share of max − min of each image
 * @returns the shape of `images`
 */
export function addNoise(
  images: tf.Tensor,
  range: tf.Tensor,
  share: number,
  seed: number,
  draw: number,
): tf.Tensor {
  if (share === 0) return tf.clone(images);
  return tf.tidy(() => {
    const axes = range.shape.slice(1).map((_, i) => i + 1);
    const sigma = tf.mul(tf.sub(tf.max(range, axes, true), tf.min(range, axes, true)), share);
    const shape = [1, ...images.shape.slice(1)];
    const noise = tf.tensor(normals(tf.util.sizeFromShape(shape), seed, draw), shape);
    return tf.add(images, tf.mul(sigma, noise));
  });
}
