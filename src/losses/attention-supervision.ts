import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../errors/index.ts';
import { overPixels, type PixelReductionOptions, weightedMean } from './weighted-mean.ts';

/**
 * The attention supervision loss L_e: squared distance of maps to given masks.
 *
 *     L_e = Σ_p w_p 1/(h w) Σ_ij (A_p,ij − H_p,ij)² / Σ_p w_p     (Eq 7)
 *
 * Eq 7 does not say how pixels are reduced; here it is their mean, which makes the paper's weight of 10 hold for any
 * image size. Pairs without a mask have w_p = 0; with no mask at all the loss is 0 and so is its gradient.
 *
 * @param maps A `[P,h,w]`, of clips and volumes `[P,d,h,w]`, of the masks' range (normalised to 0..1)
 * @param masks H of the same shape, 0..1
 * @param options `pixels` is `'mean'` unless told
 * @returns scalar
 * @throws {UsageError} when the shapes of maps and masks differ
 * @see Li et al., "Tell Me Where to Look: Guided Attention Inference Network", CVPR 2018, section 3.2
 */
export function attentionSupervision(
  maps: tf.Tensor,
  masks: tf.Tensor,
  { pixels = 'mean', ...reduction }: PixelReductionOptions = {},
): tf.Scalar {
  if (!tf.util.arraysEqual(maps.shape, masks.shape)) {
    throw new UsageError(`masks: must have the shape of the maps, [${maps.shape}], had [${masks.shape}]`);
  }
  return tf.tidy(() => {
    const squares = tf.square(tf.sub(maps, masks));
    return weightedMean(overPixels(squares, pixels), reduction);
  });
}
