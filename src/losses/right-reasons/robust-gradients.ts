import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import { magnitude } from '../magnitude.ts';
import { overPixels, type PixelReductionOptions, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

/**
 * R4, robustly right for the right reasons: the largest input gradient where it must not be, among neighbours of an
 * image that differ from it there alone.
 *
 *     L = Σ_b w_b max_k Σ_ijc |E_b,ij ∂/∂x_b,ijc L_cl(x_b + δ_k ⊙ E_b)| / Σ_b w_b
 *
 * RRR looks at the image alone, so that a network may be flat there and steep beside it. Rand-R4 draws δ_k ~ U(0, ε),
 * about ten of them; PGD-R4 has one, found by ascent of the loss: `neighbours` in `gain/guidance` makes both.
 *
 * @param gradients of K neighbours, each `[B,H,W,c]`, attached to the graph
 * @param irrelevant E `[B,H,W]`, 1 on what must not matter
 * @param options `pixels` is the paper's `'sum'` unless told
 * @returns scalar
 * @throws {UsageError} when there is no neighbour, or masks and gradients differ in shape
 * @see Ghitu, Piratla, Wicker, "Model Guidance via Robust Feature Attribution", 2025, arXiv 2506.19680. Its code takes
 *   the gradients as numbers (`.grad.data`), so that nothing learns from the term; here they stay attached
 */
export function robustGradientPenalty(
  gradients: readonly tf.Tensor4D[],
  irrelevant: tf.Tensor3D,
  { pixels = 'sum', ...reduction }: PixelReductionOptions = {},
): tf.Scalar {
  if (gradients.length === 0) throw new UsageError('gradients: must be of at least one neighbour, were none');
  for (const { shape } of gradients) requireMasks(irrelevant, shape);
  return tf.tidy(() => {
    const mask = tf.expandDims(irrelevant, 3);
    const sizes = gradients.map((gradient) =>
      overPixels(tf.sum(magnitude(tf.mul(gradient, mask)), 3), pixels),
    );
    const largest = sizes.length === 1 ? sizes[0]! : (tf.max(tf.stack(sizes), 0) as tf.Tensor1D);
    return weightedMean(largest, reduction);
  });
}
