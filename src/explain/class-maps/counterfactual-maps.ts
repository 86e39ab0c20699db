import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { attentionMaps, type MapMethod, type Pair } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';

export interface CounterfactualMapsOptions extends MethodOptions {
  /** Any class map method. @default 'grad-cam' */
  method?: MapMethod | undefined;
}

/**
 * Counterfactual maps: what, if it were gone, would make the network surer of the class. Evidence against it.
 *
 *     w_k = (1/Z) Σ_ij −∂s^c/∂A_ij^k,   M = ReLU(Σ_k w_k A^k)
 *
 * (Selvaraju et al., Grad-CAM, ICCV 2017, section 3.3.) The other methods take the same turn: they are given −s^c.
 *
 * Good for: finding the other object that makes the network doubt. Fails: where nothing speaks against the class the
 * map still shows the least friendly place once it is normalised; compare the heights of the two maps.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,h,w]
 * @throws {UsageError}, ModelError as `attentionMaps` does
 */
export function counterfactualMaps(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { method = 'grad-cam', targetLayer, output, target }: CounterfactualMapsOptions = {},
): tf.Tensor {
  const { maps, logits } = attentionMaps<tf.Tensor>(model, images, pairs, {
    method,
    targetLayer,
    output,
    target,
    evidence: 'against',
    differentiateWeights: false,
  });
  logits.dispose();
  return maps;
}
