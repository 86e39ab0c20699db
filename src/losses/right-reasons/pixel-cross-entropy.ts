import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';
import { type ReductionOptions, ratioOrZero, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

export interface PixelCrossEntropyOptions extends ReductionOptions {
  /** Below this a pixel counts as dark: its cost stays at −log of it and it has no gradient. @default 1e-6 */
  readonly floor?: number | undefined;
}

/**
 * PPCE, per-pixel cross-entropy: every pixel of the object is to be bright; what lies outside does not count.
 *
 *     L = Σ_p w_p (−Σ_ij H_p,ij log A_p,ij / Σ_ij H_p,ij) / Σ_p w_p
 *
 * The logarithm is held at `floor` (PyTorch's binary cross-entropy holds it at −100), since a single dark pixel
 * would outweigh all others. A dead map costs −log `floor` and has no gradient; an empty mask costs 0.
 *
 * @param maps A `[P,h,w]`, in 0..1: each divided by its largest value
 * @param relevant H `[P,h,w]`, 1 on what matters; given masks of what must not matter, 1 − those, which asks for
 *   brightness everywhere else
 * @returns scalar
 * @throws {UsageError} when masks and maps differ in shape
 * @see Shen et al., "Human-AI Interactive and Continuous Sensemaking" (HAICS), CHI EA 2021, as used by Rao et al.,
 *   ICCV 2023, arXiv 2303.11932
 */
export function pixelCrossEntropy(
  maps: tf.Tensor3D,
  relevant: tf.Tensor3D,
  { floor = 1e-6, ...reduction }: PixelCrossEntropyOptions = {},
): tf.Scalar {
  requireMasks(relevant, maps.shape);
  return tf.tidy(() => {
    const bright = withoutGradient(() => tf.cast(tf.greater(maps, floor), 'float32'));
    const held = tf.add(tf.mul(maps, bright), tf.mul(tf.sub(1, bright), floor));
    const costs = tf.sum(tf.mul(tf.neg(tf.log(held)), relevant), [1, 2]);
    const values = ratioOrZero(costs, tf.sum(relevant, [1, 2])) as unknown as tf.Tensor1D;
    return weightedMean(values, reduction);
  });
}
