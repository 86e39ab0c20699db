import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';

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

/** The axes between batch and channels: [1, 2] for an image, [1, 2, 3] for a volume. */
export function spatialAxes({ rank }: tf.Tensor): number[] {
  return Array.from({ length: rank - 2 }, (_, i) => i + 1);
}

/**
 * 1 / x, and 0 where |x| ≤ `floor`, with a gradient of 0 there.
 *
 * The denominator is made safe before the division: `where(x ≠ 0, 1/x, 0)` alone has the right value and a
 * gradient of 0 · ∞ = NaN.
 */
export function safeReciprocal(x: tf.Tensor, floor = 1e-10): tf.Tensor {
  const usable = withoutGradient(() => tf.cast(tf.greater(tf.abs(x), floor), 'float32'));
  const safe = tf.add(tf.mul(x, usable), tf.sub(1, usable));
  return tf.mul(tf.div(1, safe), usable);
}
