import * as tf from '@tensorflow/tfjs-core';
import { safeReciprocal, spatialAxes } from './gradient-weights.ts';

/**
 * Weights of Grad-CAM++: positive gradients, each with its own coefficient.
 *
 * With g = ∂S/∂A: α_ij^k = g² / (2 g² + (Σ_ab A_ab^k) g³), 0 where g = 0 (Eq 19), and
 * w_k = Σ_ij α_ij^k ReLU(g) (Eq 5). Chattopadhay et al., WACV 2018, arXiv 1710.11063.
 *
 * Two things are written differently from the paper and mean the same map:
 * - Y = exp(S) makes ∂Y/∂A = exp(S) g. exp(S) cancels in α, and is left out of w: it scales the whole map of
 *   an image, which normalisation removes, and overflows float32 above S ≈ 88.
 * - ReLU(g) leaves only g > 0, where α = 1 / (2 + g Σ A): g² and g³ are never formed, so small gradients do
 *   not underflow. Where Σ A < 0 (a layer before its ReLU) lets the denominator vanish, α is 0.
 *
 * @param activations A, [B, …spatial, K]
 * @param gradients g, [B, …spatial, K]
 * @returns [B, …1, K]
 */
export function gradCamPlusPlusWeights(activations: tf.Tensor, gradients: tf.Tensor): tf.Tensor {
  const positive = tf.relu(gradients);
  return tf.sum(tf.mul(coefficients(activations, positive), positive), spatialAxes(gradients), true);
}

/**
 * The variant that several implementations call Grad-CAM++: α of a channel divided by its sum over the places
 * with g > 0. It is not in the paper's Eq 19. Under global average pooling and a dense head, where g does not
 * depend on the place, it is Grad-CAM with rectified weights.
 */
export function gradCamPlusPlusNormalizedWeights(activations: tf.Tensor, gradients: tf.Tensor): tf.Tensor {
  const axes = spatialAxes(gradients);
  const positive = tf.relu(gradients);
  const alpha = tf.mul(coefficients(activations, positive), tf.step(positive));
  const total = tf.sum(alpha, axes, true);
  return tf.sum(tf.mul(tf.mul(alpha, safeReciprocal(total)), positive), axes, true);
}

/** α where g > 0; at other places the value is finite and to be multiplied by 0. */
function coefficients(activations: tf.Tensor, positive: tf.Tensor): tf.Tensor {
  const total = tf.sum(activations, spatialAxes(activations), true);
  return safeReciprocal(tf.add(tf.mul(positive, total), 2));
}
