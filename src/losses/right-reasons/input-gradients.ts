import * as tf from '@tensorflow/tfjs-core';
import type { Link } from '../classification.ts';
import { overPixels, type PixelReductionOptions, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

/**
 * What RRR takes the input gradient of: the sum of the log-probabilities of all outcomes.
 *
 *     softmax: Σ_k log p_k        sigmoid: Σ_k log p_k + log(1 − p_k)
 *
 * The paper has a softmax; under a sigmoid each class is one of its own, between two outcomes.
 *
 * @param logits `[B,C]`
 * @returns `[B]`
 */
export function logProbabilitySums(logits: tf.Tensor2D, link: Link): tf.Tensor1D {
  return tf.tidy(() => {
    const logs =
      link === 'softmax'
        ? tf.logSoftmax(logits)
        : tf.neg(tf.add(tf.softplus(logits), tf.softplus(tf.neg(logits))));
    return tf.sum(logs, 1) as tf.Tensor1D;
  });
}

/**
 * The classification loss of each image: what adversarial neighbours climb, and R4 takes the input gradient of.
 *
 *     softmax: −Σ_c y_c log p_c / Σ_c y_c        sigmoid: 1/C Σ_c y_c softplus(−z_c) + (1 − y_c) softplus(z_c)
 *
 * @param logits z `[B,C]`
 * @param labels y `[B,C]`, one-hot or multi-hot
 * @returns `[B]`
 */
export function crossEntropies(logits: tf.Tensor2D, labels: tf.Tensor2D, link: Link): tf.Tensor1D {
  return tf.tidy(() => {
    if (link === 'softmax') {
      const target = tf.div(labels, tf.maximum(tf.sum(labels, 1, true), 1));
      return tf.neg(tf.sum(tf.mul(target, tf.logSoftmax(logits)), 1)) as tf.Tensor1D;
    }
    const yes = tf.mul(labels, tf.softplus(tf.neg(logits)));
    const no = tf.mul(tf.sub(1, labels), tf.softplus(logits));
    return tf.mean(tf.add(yes, no), 1) as tf.Tensor1D;
  });
}

/**
 * RRR, right for the right reasons: the input gradient where it must not be.
 *
 *     L_RRR = Σ_b w_b Σ_ijc (E_b,ij ∂/∂x_b,ijc Σ_k log p_bk)² / Σ_b w_b     (its second term, without λ₁)
 *
 * The paper sums over the images; that is `total: 1`. An image without any gradient costs nothing.
 *
 * @param gradients ∂/∂x of {@link logProbabilitySums}, `[B,H,W,c]`, attached to the graph
 * @param irrelevant E `[B,H,W]`, 1 on what must not matter; given masks of what matters, 1 − those
 * @param options `pixels` is the paper's `'sum'` unless told
 * @returns scalar
 * @throws {UsageError} when masks and gradients differ in shape
 * @see Ross, Hughes, Doshi-Velez, "Right for the Right Reasons", IJCAI 2017, arXiv 1703.03717
 */
export function inputGradientPenalty(
  gradients: tf.Tensor4D,
  irrelevant: tf.Tensor3D,
  { pixels = 'sum', ...reduction }: PixelReductionOptions = {},
): tf.Scalar {
  requireMasks(irrelevant, gradients.shape);
  return tf.tidy(() => {
    const squares = tf.square(tf.mul(gradients, tf.expandDims(irrelevant, 3)));
    return weightedMean(overPixels(tf.sum(squares, 3), pixels), reduction);
  });
}
