import * as tf from '@tensorflow/tfjs-core';
import { safeReciprocal } from './safe-reciprocal.ts';
import { spatialAxes } from './spatial-axes.ts';

/**
 * Weights of XGrad-CAM: the gradient averaged with the activation as the weight of each place.
 *
 * w_k = Σ_ij (A_ij^k / Σ_ab A_ab^k) ∂s/∂A_ij^k, 0 for a channel that sums to 0 (Fu et al., BMVC 2020, Eq 8).
 *
 * @param activations A, [B, …spatial, K]
 * @param gradients ∂s/∂A, [B, …spatial, K]
 * @returns [B, …1, K]
 */
export function xGradCamWeights(activations: tf.Tensor, gradients: tf.Tensor): tf.Tensor {
  const axes = spatialAxes(activations);
  const total = tf.sum(activations, axes, true);
  return tf.mul(tf.sum(tf.mul(activations, gradients), axes, true), safeReciprocal(total));
}
