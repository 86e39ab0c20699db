import * as tf from '@tensorflow/tfjs-core';
import { overPixels, type PixelReductionOptions, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

/**
 * RRR-G and RRR*: the squares of a map where it must not be.
 *
 *     L = Σ_p w_p Σ_ij (E_p,ij A_p,ij)² / Σ_p w_p
 *
 * RRR-G (Schramowski et al., as the XIL benchmark computes it) takes Grad-CAM min-max normalised; RRR* (Model
 * Guidance) divides a map by its largest value, and E is what lies outside the boxes. Both sum over the images;
 * that is `total: 1`. A dead map costs nothing and has no gradient.
 *
 * @param maps A `[P,h,w]`, normalised
 * @param irrelevant E `[P,h,w]`, 1 on what must not matter; given masks of what matters, 1 − those
 * @param options `pixels` is the papers' `'sum'` unless told
 * @returns scalar
 * @throws {UsageError} when masks and maps differ in shape
 * @see Schramowski et al., "Making deep neural networks right for the right scientific reasons", Nature Machine
 *   Intelligence 2020, arXiv 2001.05371; Friedrich et al., "A typology for exploring the mitigation of shortcut
 *   behaviour", Nature Machine Intelligence 2023, arXiv 2203.03668; Rao et al., "Studying How to Efficiently and
 *   Effectively Guide Models with Explanations", ICCV 2023, arXiv 2303.11932
 */
export function irrelevantAttention(
  maps: tf.Tensor3D,
  irrelevant: tf.Tensor3D,
  { pixels = 'sum', ...reduction }: PixelReductionOptions = {},
): tf.Scalar {
  requireMasks(irrelevant, maps.shape);
  return tf.tidy(() => {
    const squares = tf.square(tf.mul(maps, irrelevant));
    return weightedMean(overPixels(squares, pixels), reduction);
  });
}
