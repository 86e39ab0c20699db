import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { layerGraph } from './layer-graph.ts';
import { type PassOptions, runToSlots } from './run-model.ts';
import { layerSlot, resolveTargetLayer, spatialLayers } from './target-layer.ts';

/**
 * What several layers of a model answer, from one pass.
 *
 * @param model any layers-model
 * @param inputs one tensor per input, the batch first
 * @param layers their paths, as {@link resolveTargetLayer} takes them
 * @returns one tensor per layer, `[B,h,w,K]`
 * @throws {ModelError} when there is no such layer, or it has no spatial extent
 */
export function layerOutputs(
  model: tfl.LayersModel,
  inputs: tf.Tensor | readonly tf.Tensor[],
  layers: readonly string[],
  options: PassOptions = {},
): tf.Tensor[] {
  const slots = layers.map((layer) => resolveTargetLayer(model, layer).slot);
  return tf.tidy(() => runToSlots(layerGraph(model), inputs, slots, options));
}

/**
 * The last layer of each size of map on the way to the scores, the finest first: where a network says most at each
 * scale.
 *
 * @returns paths; layers whose size the model leaves open are passed over
 */
export function lastLayersBySize(model: tfl.LayersModel): string[] {
  const { slot: end } = resolveTargetLayer(model);
  const bySize = new Map<string, string>();
  for (const path of spatialLayers(model)) {
    const { shape, slot } = resolveTargetLayer(model, path);
    if (shape.length !== 4 || shape.slice(1).includes(null)) continue;
    bySize.set(`${shape[1]}x${shape[2]}`, path);
    if (slot === end) break;
  }
  return [...bySize.values()];
}

/**
 * What any calls of layers answer, whatever their shape, from one pass.
 *
 * @param names of nodes, as `networkNodes` gives them
 * @returns one tensor per name, the batch first
 * @throws {ModelError} when there is no such layer
 */
export function nodeOutputs(
  model: tfl.LayersModel,
  inputs: tf.Tensor | readonly tf.Tensor[],
  names: readonly string[],
): tf.Tensor[] {
  const slots = names.map((name) => layerSlot(model, name));
  return tf.tidy(() => runToSlots(layerGraph(model), inputs, slots, {}).map((value) => tf.clone(value)));
}
