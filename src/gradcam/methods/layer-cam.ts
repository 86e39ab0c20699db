import * as tf from '@tensorflow/tfjs-core';

/**
 * Weights of LayerCAM: the positive gradient of each place.
 *
 * w_ij^k = ReLU(∂s/∂A_ij^k) (Jiang et al., TIP 2021, Eq 6). Meant also for early layers.
 *
 * @param _activations A, [B, …spatial, K]
 * @param gradients ∂s/∂A, [B, …spatial, K]
 * @returns [B, …spatial, K]
 */
export function layerCamWeights(_activations: tf.Tensor, gradients: tf.Tensor): tf.Tensor {
  return tf.relu(gradients);
}
