import * as tf from '@tensorflow/tfjs-core';
import { magnitude } from '../magnitude.ts';
import { overPixels, type ReductionOptions, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

/**
 * L1: the mean absolute difference of maps and masks.
 *
 *     L = Σ_p w_p 1/(h w) Σ_ij |A_p,ij − H_p,ij| / Σ_p w_p
 *
 * Its square is HINT as the XIL benchmark uses it, and L_e of GAIN: `attentionSupervision`. A dead map costs the
 * mask's area and has no gradient.
 *
 * @param maps A `[P,h,w]`, in 0..1: each divided by its largest value
 * @param relevant H `[P,h,w]`, 1 on what matters; given masks of what must not matter, 1 − those, which asks for
 *   brightness everywhere else
 * @returns scalar
 * @throws {UsageError} when masks and maps differ in shape
 * @see Gao et al., "Aligning Eyes between Humans and Deep Neural Network" (GRADIA), CSCW 2022, as used by Rao et al.,
 *   ICCV 2023, arXiv 2303.11932
 */
export function maskDistance(
  maps: tf.Tensor3D,
  relevant: tf.Tensor3D,
  reduction: ReductionOptions = {},
): tf.Scalar {
  requireMasks(relevant, maps.shape);
  return tf.tidy(() => {
    return weightedMean(overPixels(magnitude(tf.sub(maps, relevant)), 'mean'), reduction);
  });
}
