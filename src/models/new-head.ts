import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { classificationHead, type HeadOptions } from './classification-head.ts';
import { classifierInput, isProbability, modelsAround } from './classifier.ts';
import { findLayer } from './find-layer.ts';
import { rebuildModel } from './rebuild-model.ts';
import { SeededLayers } from './seeded-layers.ts';

export interface NewHeadOptions extends HeadOptions {
  /** Number of classes C. */
  classes: number;
  /**
   * The layer whose output becomes the features, by its path (`backbone/conv5` inside of a model) or its name; what
   * comes after it is left away. @default what the classifier at the end reads; without one, the last layer
   */
  from?: string | null | undefined;
  /** [H,W] of the images, when it is not the one that the model was made for. */
  inputSize?: [number, number] | null | undefined;
  /** Of the head's initial weights. @default 1 */
  seed?: number | undefined;
}

/**
 * Puts a new classification head on a model, for example on pretrained features.
 *
 * A model that is a classifier already (its last layer is dense and linear, or ends in softmax or sigmoid) loses that
 * layer: the new head reads what it read. The result has the layers and weights of the original up to there, and a
 * head whose layers are called `pool` or `flatten`, `hidden1` …, and `logits`. The original stays as it is.
 *
 * @returns a model with raw logits [B,C]
 * @throws {ModelError} there is no layer `from`, it gives scores or no features [B,h,w,K] or [B,K], or the network
 *   cannot take the input size
 */
export function withNewHead(
  features: tfl.LayersModel,
  { classes, from, inputSize, seed = 1, ...head }: NewHeadOptions,
): tfl.LayersModel {
  const { layer, around } = from ? findLayer(features, from) : { layer: undefined, around: [] };
  if (layer && isProbability(layer)) {
    throw new ModelError(
      `A head needs features; layer "${from}" gives scores (it ends in softmax or sigmoid): name a layer before it`,
    );
  }
  const end = layer ? (layer.output as tfl.SymbolicTensor) : classifierInput(features);
  const opened = layer ? around : modelsAround(features, end);
  if (end.shape.length !== 4 && end.shape.length !== 2) {
    const name = end.sourceLayer.name;
    throw new ModelError(
      `A head needs features [B,h,w,K] or [B,K]; the output of layer "${name}" is [${end.shape}]`,
    );
  }
  return rebuildModel(features, {
    outputs: [end],
    open: opened,
    ...(inputSize && { inputShapes: resized(features, inputSize) }),
    afterOutputs: ([x], taken) => {
      const unique = (name: string): string => (taken.has(name) ? unique(`new_${name}`) : name);
      return [classificationHead(x!, new SeededLayers(seed), { classes, ...head }, unique)];
    },
  });
}

/**
 * The same network with the same weights for images of another size.
 *
 * @param inputSize [H,W]
 * @throws {ModelError} when it is not fully convolutional
 */
export function withInputSize(model: tfl.LayersModel, inputSize: [number, number]): tfl.LayersModel {
  return rebuildModel(model, { inputShapes: resized(model, inputSize) });
}

function resized(model: tfl.LayersModel, inputSize: [number, number]): number[][] {
  const { shape } = model.inputs[0]!;
  if (model.inputs.length !== 1 || shape.length !== 4) {
    throw new ModelError(`Only a model with one input [B,H,W,channels] can change its input size`);
  }
  return [[...inputSize, shape[3]!]];
}
