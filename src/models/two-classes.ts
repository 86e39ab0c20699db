import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { modelsAround, scoringLayer } from './classifier.ts';
import { rebuildModel } from './rebuild-model.ts';
import { finalLink, toLogits } from './to-logits.ts';

/**
 * A classifier with one score s for two classes, as one with two: logits [-s/2, s/2], whose softmax is
 * [1 - σ(s), σ(s)], the probabilities that it had. The maps of the first class are those of -s: what speaks against
 * the second.
 *
 * @param model one output [B,1], a logit or its sigmoid
 * @returns a new model with raw logits [B,2]; the layer of the scores, where it is dense, is widened, so that CAM works
 * @throws {ModelError} when the model has another output, or ends in the softmax of one score, which is always 1
 */
export function withTwoClasses(model: tfl.LayersModel): tfl.LayersModel {
  const shape = model.outputs[0]!.shape;
  if (model.outputs.length !== 1 || shape.at(-1) !== 1) {
    const shapes = model.outputs.map((output) => `[${output.shape.map((size) => size ?? 'any').join(', ')}]`);
    throw new ModelError(`model ${model.name}: expected one score, [any, 1], found ${shapes.join(' and ')}`);
  }
  if (finalLink(model) === 'softmax') {
    throw new ModelError(
      `model ${model.name}: it ends in the softmax of one score, which is 1 for every image`,
    );
  }
  const scoring = scoringLayer(model);
  const halves = tf.tensor2d([[-0.5, 0.5]]);
  try {
    return scoring ? widened(model, scoring, halves) : followed(toLogits(model), halves);
  } finally {
    halves.dispose();
  }
}

/** The layer of the score with two units in place of one. */
function widened(
  model: tfl.LayersModel,
  { layer, input }: { layer: tfl.layers.Layer; input: tfl.SymbolicTensor },
  halves: tf.Tensor2D,
): tfl.LayersModel {
  const [kernel, bias] = layer.getWeights();
  const dense = tfl.layers.dense({ name: layer.name, units: 2, useBias: bias !== undefined });
  const built = rebuildModel(model, {
    outputs: [input],
    open: modelsAround(model, input),
    afterOutputs: ([features], taken) => {
      const flat =
        features!.shape.length === 2
          ? features!
          : (tfl.layers
              .flatten({ name: taken.has('pooled') ? 'pooled_features' : 'pooled' })
              .apply(features!) as tfl.SymbolicTensor);
      return [dense.apply(flat) as tfl.SymbolicTensor];
    },
  });
  const values = tf.tidy(() => {
    const column = tf.reshape(kernel!, [-1, 1]);
    const wide = [tf.matMul(column, halves)];
    return bias ? [...wide, tf.reshape(tf.matMul(tf.reshape(bias, [1, 1]), halves), [2])] : wide;
  });
  dense.setWeights(values);
  tf.dispose(values);
  return built;
}

/** Two logits made of the one. */
function followed(logits: tfl.LayersModel, halves: tf.Tensor2D): tfl.LayersModel {
  const dense = tfl.layers.dense({ name: 'two_classes', units: 2, useBias: false });
  const built = rebuildModel(logits, {
    afterOutputs: ([score]) => [dense.apply(score!) as tfl.SymbolicTensor],
  });
  dense.setWeights([halves]);
  return built;
}
