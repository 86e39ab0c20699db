import * as tfl from '@tensorflow/tfjs-layers';
import { rebuildModel } from './rebuild-model.ts';

const links: ReadonlySet<unknown> = new Set(['softmax', 'sigmoid']);
/** Layers that only move values; a softmax before them is still the last thing that changes them. */
const movers: ReadonlySet<string> = new Set(['Reshape', 'Flatten', 'Permute']);

/**
 * Takes the softmax or sigmoid off the end of a model: the losses and maps work on raw logits.
 *
 * @returns the model itself when its last layer is linear, otherwise a new one with copies of its layers
 */
export function toLogits(model: tfl.LayersModel): tfl.LayersModel {
  const last = lastComputing(model.outputs[0]!);
  const isSoftmax = last.getClassName() === 'Softmax';
  if (!isSoftmax && !links.has(last.getConfig().activation)) return model;
  return rebuildModel(model, {
    changeLayer: (layer) => {
      if (layer !== last) return undefined;
      if (isSoftmax) return tfl.layers.activation({ name: layer.name, activation: 'linear' });
      return { ...layer.getConfig(), activation: 'linear' };
    },
  });
}

/** The same network with one of its outputs, and copies of the layers that it needs. */
export function withOutput(model: tfl.LayersModel, output: number): tfl.LayersModel {
  return rebuildModel(model, { outputs: [model.outputs[output]!] });
}

/** The softmax or sigmoid that an output ends in; `undefined` where it gives logits. */
export function finalLink(model: tfl.LayersModel, output = 0): 'softmax' | 'sigmoid' | undefined {
  const last = lastComputing(model.outputs[output]!);
  const name = last.getClassName() === 'Softmax' ? 'softmax' : last.getConfig().activation;
  return links.has(name) ? (name as 'softmax' | 'sigmoid') : undefined;
}

function lastComputing({ sourceLayer, nodeIndex }: tfl.SymbolicTensor): tfl.layers.Layer {
  if (sourceLayer instanceof tfl.LayersModel) return lastComputing(sourceLayer.outputs[0]!);
  if (!movers.has(sourceLayer.getClassName())) return sourceLayer;
  return lastComputing(sourceLayer.inboundNodes[nodeIndex]!.inputTensors[0]!);
}
