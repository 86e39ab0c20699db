import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, UsageError } from '../../errors/index.ts';
import {
  attentionMaps,
  type MapMethod,
  normalizeMaps,
  type Pair,
  resolveTargetLayer,
  spatialLayers,
  upsampleMaps,
} from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';

export interface FusedMapsOptions extends Omit<MethodOptions, 'targetLayer'> {
  /** Paths of the layers, from the first to the last. @default {@link stageLayers} */
  targetLayers?: readonly string[] | undefined;
  /** Any class map method. @default 'layer-cam' */
  method?: MapMethod | undefined;
  /** γ, one for all layers but the last, or one for each; 0 leaves a layer unscaled. @default 2 */
  gamma?: number | readonly number[] | undefined;
}

/**
 * Maps of several layers in one: the fine lines of the early layers, the certainty of the late ones.
 *
 *     M̂_l = tanh(γ M_l / max M_l),   M = max_l Up(M̂_l)
 *
 * (Jiang et al., LayerCAM, TIP 2021.) Maps of early layers are faint, hence γ = 2 for them; the paper
 * scales the first three of the five stages of VGG-16 and takes the others as M / max M, which is
 * `gamma: [2, 2, 2, 0, 0]`. Maps are brought to the largest of the extents.
 *
 * Good for: outlines, small objects. Fails: with methods that weigh whole channels (Grad-CAM), whose early maps are not
 * about the class.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,h,w], the largest extent, in [0, 1]
 * @throws {UsageError}, ModelError as `attentionMaps` does
 */
export function fusedMaps(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  {
    targetLayers = stageLayers(model),
    method = 'layer-cam',
    gamma = 2,
    output,
    target,
  }: FusedMapsOptions = {},
): tf.Tensor {
  const last = targetLayers.length - 1;
  const gammas = typeof gamma === 'number' ? targetLayers.map((_, i) => (i === last ? 0 : gamma)) : gamma;
  if (targetLayers.length === 0 || gammas.length !== targetLayers.length) {
    throw new UsageError(
      `targetLayers, gamma: expected at least one layer and one number for each, received ${targetLayers.length} ` +
        `layers and ${gammas.length} numbers`,
    );
  }
  return tf.tidy(() => {
    const scaled = targetLayers.map((targetLayer, i) => {
      const { maps } = attentionMaps<tf.Tensor>(model, images, pairs, {
        method,
        targetLayer,
        output,
        target,
        differentiateWeights: false,
      });
      const normal = normalizeMaps(maps, 'max');
      return gammas[i]! > 0 ? tf.tanh(tf.mul(normal, gammas[i]!)) : normal;
    });
    const [extent] = scaled
      .map(({ shape }) => shape.slice(1))
      .sort((a, b) => tf.util.sizeFromShape(b) - tf.util.sizeFromShape(a));
    return scaled.map((maps) => upsampleMaps(maps, extent!)).reduce((a, b) => tf.maximum(a, b));
  });
}

/**
 * The last layer of each stage, a stage being the layers of one extent: what `fusedMaps` takes where no layers are named.
 *
 * @throws {ModelError} when the model leaves its extents open, or has no spatial layer
 */
export function stageLayers(model: tfl.LayersModel): string[] {
  const ofExtent = new Map<string, string>();
  for (const path of spatialLayers(model)) {
    const extent = resolveTargetLayer(model, path).shape.slice(1, -1);
    if (extent.includes(null)) {
      throw new ModelError(
        `Model "${model.name}": layer "${path}" leaves its extent open; name the layers to be fused`,
      );
    }
    ofExtent.delete(extent.join());
    ofExtent.set(extent.join(), path);
  }
  if (ofExtent.size === 0) resolveTargetLayer(model);
  return [...ofExtent.values()];
}
