import * as tf from '@tensorflow/tfjs-core';
import { spatialAxes } from './spatial-axes.ts';

/**
 * Weights of Grad-CAM: the mean gradient per channel.
 *
 * w_k = (1/Z) Σ_ij ∂s/∂A_ij^k (Selvaraju et al., ICCV 2017, Eq 1).
 *
 * @param _activations A, [B, …spatial, K]
 * @param gradients ∂s/∂A, [B, …spatial, K]
 * @returns [B, …1, K]
 */
export function gradCamWeights(_activations: tf.Tensor, gradients: tf.Tensor): tf.Tensor {
  return tf.mean(gradients, spatialAxes(gradients), true);
}
