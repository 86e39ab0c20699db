import type * as tf from '@tensorflow/tfjs-core';

/**
 * Weights of HiResCAM: the gradient itself, not averaged.
 *
 * w_ij^k = ∂s/∂A_ij^k (Draelos & Carin, arXiv 2011.08891, Eq 4). The paper's map is signed; here it is
 * rectified like the others unless `relu: false`.
 *
 * @param _activations A, [B, …spatial, K]
 * @param gradients ∂s/∂A, [B, …spatial, K]
 * @returns [B, …spatial, K]
 */
export function hiResCamWeights(_activations: tf.Tensor, gradients: tf.Tensor): tf.Tensor {
  return gradients;
}
