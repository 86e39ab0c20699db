import type * as tf from '@tensorflow/tfjs-core';
import { gradCamPlusPlusNormalizedWeights, gradCamPlusPlusWeights } from './grad-cam-plus-plus.ts';
import { gradCamWeights, hiResCamWeights, layerCamWeights, xGradCamWeights } from './gradient-weights.ts';

export { camWeights, classKernel } from './cam.ts';
export { safeReciprocal } from './gradient-weights.ts';

/**
 * A class map is M = ReLU(Σ_k w_k ⊙ A^k); the methods differ in w.
 *
 * From A and ∂s/∂A, both [B, …spatial, K], to w, [B, …spatial, K] or [B, …1, K].
 */
export type MapWeights = (activations: tf.Tensor, gradients: tf.Tensor) => tf.Tensor;

/** The methods that take their weights from the gradient of the score. */
export const gradientMethods = {
  'grad-cam': gradCamWeights,
  'grad-cam++': gradCamPlusPlusWeights,
  'grad-cam++-normalized': gradCamPlusPlusNormalizedWeights,
  'layer-cam': layerCamWeights,
  'hires-cam': hiResCamWeights,
  'x-grad-cam': xGradCamWeights,
} satisfies Record<string, MapWeights>;

/** The names of the class map methods; `cam` is the closed form, which takes no gradient. */
export type MapMethod = 'cam' | keyof typeof gradientMethods;

/** All class map methods. */
export const mapMethods = ['cam', ...Object.keys(gradientMethods)] as readonly MapMethod[];

export function isMapMethod(name: string): name is MapMethod {
  return (mapMethods as readonly string[]).includes(name);
}
