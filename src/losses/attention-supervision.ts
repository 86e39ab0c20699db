import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../errors/index.ts';
import { weightedMean } from './weighted-mean.ts';

export interface AttentionSupervisionOptions {
  /**
   * How the pixels of a map are put together. `'mean'` makes the paper's weight of 10 hold for any image
   * size; `'sum'` grows with the number of pixels.
   * @default 'mean'
   */
  pixels?: 'mean' | 'sum' | undefined;
  /** Divides instead of Σ w: for a mean over the whole batch rather than over what has a mask. */
  total?: number | undefined;
}

/**
 * The attention supervision loss L_e: squared distance of maps to given masks.
 *
 *     L_e = Σ_p w_p 1/(h w) Σ_ij (A_p,ij − H_p,ij)² / Σ_p w_p     (Eq 7)
 *
 * Eq 7 does not say how pixels are reduced; here it is their mean. Pairs without a mask have w_p = 0; with no
 * mask at all the loss is 0 and so is its gradient.
 *
 * @param maps A `[P,h,w]`, of the masks' range (normalised to 0..1)
 * @param masks H `[P,h,w]`, 0..1
 * @param weights w `[P]`
 * @returns scalar
 * @throws UsageError when the shapes of maps and masks differ
 * @see Li et al., "Tell Me Where to Look: Guided Attention Inference Network", CVPR 2018, section 3.2
 */
export function attentionSupervision(
  maps: tf.Tensor3D,
  masks: tf.Tensor3D,
  weights: tf.Tensor1D,
  { pixels = 'mean', total }: AttentionSupervisionOptions = {},
): tf.Scalar {
  if (!tf.util.arraysEqual(maps.shape, masks.shape)) {
    throw new UsageError(`masks: must have the shape of the maps, [${maps.shape}], had [${masks.shape}]`);
  }
  return tf.tidy(() => {
    const squares = tf.square(tf.sub(maps, masks));
    const distances = pixels === 'mean' ? tf.mean(squares, [1, 2]) : tf.sum(squares, [1, 2]);
    return weightedMean(distances as tf.Tensor1D, weights, total);
  });
}
