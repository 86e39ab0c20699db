import * as tf from '@tensorflow/tfjs-core';
import { downsampleArea } from '../../autodiff/index.ts';
import { normalizeMaps, upsampleMaps } from '../../gradcam/index.ts';
import { attentionSupervision } from '../../losses/index.ts';
import { masksOfPairs, whatMatters } from './pair-masks.ts';
import type { StepPlan } from './plan.ts';

/**
 * The supervision stream: L_e (Eq 7), the maps against the masks, at the size of the masks or of the maps.
 *
 * @param maps A `[P,h,w]`, of clips `[P,t,h,w]`, as the method gives them
 * @param attention the same `[P,H,W]`, of clips `[P,T,H,W]`, upsampled to the image and normalised, where that is made anyway
 * @returns scalar; undefined for a batch that knows neither masks nor boxes
 */
export function supervisionLoss(
  maps: tf.Tensor,
  attention: tf.Tensor | undefined,
  { batch, list, size, images, supervision, normalization }: StepPlan,
): tf.Scalar | undefined {
  const isReal = (p: number) => list.weights[p]! > 0;
  const known = masksOfPairs<tf.Tensor>(batch, list.pairs, isReal, images.shape[0], size);
  if (known === undefined) return undefined;
  const masks = whatMatters(known.masks, batch);
  const options = {
    pixels: supervision.pixels,
    weights: tf.tensor1d([...known.weights]),
    total: supervision.images === 'batch' ? images.shape[0] : undefined,
  };
  const shown = (grid: tf.Tensor) => (supervision.map === 'raw' ? grid : normalizeMaps(grid, normalization));

  if (supervision.resolution === 'map') {
    return attentionSupervision(shown(maps), downsampleArea(masks, maps.shape.slice(1)), options);
  }
  const extent = masks.shape.slice(1);
  const isAttention = supervision.map !== 'raw' && tf.util.arraysEqual(extent, [...size]);
  const atMasks = isAttention ? attention : undefined;
  return attentionSupervision(atMasks ?? shown(upsampleMaps(maps, extent)), masks, options);
}
