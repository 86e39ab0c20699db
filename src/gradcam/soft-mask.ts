import * as tf from '@tensorflow/tfjs-core';

export interface SoftMaskOptions {
  /** Threshold σ on the normalised map. @default 0.5 */
  sigma?: number | undefined;
  /** Steepness ω. Far above 10 the mask becomes a step and its gradient 0. @default 10 */
  omega?: number | undefined;
}

/**
 * Soft mask of a map: near 1 where the network looked, near 0 elsewhere.
 *
 * T(A) = 1 / (1 + exp(−ω (A − σ))) (GAIN, Li et al., CVPR 2018, Eq 4). The paper gives neither σ nor ω; 0.5
 * and 10 are what others use on maps normalised to [0, 1].
 *
 * @param maps any shape, normalised
 * @returns the shape of `maps`, values in (0, 1)
 */
export function softMask<T extends tf.Tensor>(maps: T, { sigma = 0.5, omega = 10 }: SoftMaskOptions = {}): T {
  return tf.tidy(() => tf.sigmoid(tf.mul(tf.sub(maps, sigma), omega))) as T;
}
