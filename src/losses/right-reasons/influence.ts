import * as tf from '@tensorflow/tfjs-core';
import { overPixels, type PixelReductionOptions, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

/**
 * RBR, right for better reasons: how much a change of the image where nothing should matter would change the network
 * that is learned from it, times the input gradient there.
 *
 *     L = Σ_b w_b Σ_ijc (E_b,ij u_b,ijc g_b,ijc)² / Σ_b w_b
 *     u = ∂/∂x Σ_θ ∂L_cl/∂θ       g = ∂/∂x Σ_k log p_k
 *
 * u is the influence function of a perturbation with the identity in place of the inverse Hessian and the sum over the
 * weights in place of a direction, as the XIL benchmark computes it; `influenceGradients` makes it. Its gradient is a
 * third derivative of the network.
 *
 * @param influences u `[B,H,W,c]`, attached to the graph
 * @param gradients g `[B,H,W,c]`, attached to the graph
 * @param irrelevant E `[B,H,W]`, 1 on what must not matter
 * @param options `pixels` is the benchmark's `'sum'` unless told; its sum over the images is `total: 1`
 * @returns scalar
 * @throws {UsageError} when masks, influences and gradients differ in shape
 * @see Shao et al., "Right for Better Reasons: Training Differentiable Models by Constraining their Influence
 *   Functions", AAAI 2021; Friedrich et al., "A typology for exploring the mitigation of shortcut behaviour", Nature
 *   Machine Intelligence 2023, arXiv 2203.03668
 */
export function influencePenalty(
  influences: tf.Tensor4D,
  gradients: tf.Tensor4D,
  irrelevant: tf.Tensor3D,
  { pixels = 'sum', ...reduction }: PixelReductionOptions = {},
): tf.Scalar {
  requireMasks(irrelevant, influences.shape);
  requireMasks(irrelevant, gradients.shape);
  return tf.tidy(() => {
    const products = tf.mul(tf.mul(influences, gradients), tf.expandDims(irrelevant, 3));
    return weightedMean(overPixels(tf.sum(tf.square(products), 3), pixels), reduction);
  });
}
