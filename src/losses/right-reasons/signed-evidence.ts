import * as tf from '@tensorflow/tfjs-core';
import { magnitude } from '../magnitude.ts';
import { overPixels, type PixelReductionOptions, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

export interface SignedEvidenceOptions extends PixelReductionOptions {
  /** `l1`: |E M|; `l2`: (E M)², which answers large evidence the most. @default 'l1' */
  readonly norm?: 'l1' | 'l2' | undefined;
}

/**
 * Signed supervision: what speaks for a class, or against it, where its object is not.
 *
 *     L = Σ_p w_p Σ_ij |E_p,ij M_p,ij| / Σ_p w_p          (l2: its square)
 *
 * M is neither clipped nor normalised. A map after a relu hides what speaks against a class, and min-max hides the
 * scale; both hold the shortcut of a network whose maps look cured. Of a class that is in the image, E = 1 − H; of one
 * that is not, E is 1 everywhere, and what is left to say no is the bias. With a map whose pixels add up to the logit
 * (Grad-CAM or HiResCAM over pooling and one dense layer; CAM with `mean`), L is in logits.
 *
 * @param maps M `[P,h,w]`, of either sign
 * @param irrelevant E `[P,h,w]`, 1 on what must not matter
 * @param options `pixels` is `'sum'` unless told
 * @returns scalar
 * @throws {UsageError} when masks and maps differ in shape
 * @see the formula is of this project. On what supervised maps leave out: Viviano et al., "Saliency is a Possible
 *   Red Herring When Diagnosing Poor Generalization", ICLR 2021, arXiv 1910.00199
 */
export function signedEvidence(
  maps: tf.Tensor3D,
  irrelevant: tf.Tensor3D,
  { norm = 'l1', pixels = 'sum', ...reduction }: SignedEvidenceOptions = {},
): tf.Scalar {
  requireMasks(irrelevant, maps.shape);
  return tf.tidy(() => {
    const misplaced = tf.mul(maps, irrelevant);
    const sizes = norm === 'l1' ? magnitude(misplaced) : tf.square(misplaced);
    return weightedMean(overPixels(sizes, pixels), reduction);
  });
}
