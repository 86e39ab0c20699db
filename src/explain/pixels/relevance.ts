import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { type Pair, type RelevanceOptions, relevanceMaps } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';

/** Rules and numbers of the way back, see {@link relevanceMaps}. */
export interface LrpOptions
  extends Pick<MethodOptions, 'output'>,
    Pick<RelevanceOptions, 'composite' | 'epsilon' | 'gamma' | 'range' | 'start'> {}

/**
 * Layer-wise relevance propagation as an attribution of pixels, summed over nothing: see {@link relevanceMaps}.
 *
 * Good for: evidence for and against in one picture whose sum is the score; fine and little noisy by `epsilon-gamma-box`.
 * Fails: what biases were given is not shown, and pixels share a sum, so that much evidence against makes more of that for;
 * α-β rules with β = 0 look much the same for every class (Sixt et al., ICML 2020).
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,H,W,c]
 * @throws {ModelError} for a layer that no rule is known of
 */
export function layerwiseRelevance(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { output, composite, epsilon, gamma, range, start }: LrpOptions = {},
): tf.Tensor {
  if (!('layers' in model)) {
    throw new ModelError(
      'layer-wise relevance propagation needs layers, and a graph-model has operations and none',
    );
  }
  return tf.tidy(
    () => relevanceMaps(model, images, pairs, { output, composite, epsilon, gamma, range, start }).relevance,
  );
}
