import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, UsageError } from '../../errors/index.ts';
import {
  type PassOptions,
  splitModel,
  type Target,
  targetOutputs,
  targetScores,
} from '../../gradcam/index.ts';
import type { PixelOptions } from './options.ts';

/** What is used of a tfjs `GraphModel`: a network as operations, without layers. */
export interface GraphModel {
  readonly inputs: readonly { readonly name: string }[];
  readonly outputs: readonly { readonly name: string }[];
  execute(inputs: tf.Tensor[], outputs: string[]): tf.Tensor | tf.Tensor[];
}

/** From the inputs of the model, [R,…] each, to the scores that are explained, [R,C] or [R]; differentiable. */
export interface Scorer {
  /** Which of the inputs holds the pixels. */
  readonly input: number;
  score(inputs: readonly tf.Tensor[]): tf.Tensor;
}

/**
 * @param pass how layers behave; a graph-model has none
 * @throws {ModelError}, UsageError when model and options do not fit
 */
export function scorerOf(
  model: tfl.LayersModel | GraphModel,
  { input = 0, output = 0, target = 'logit' }: PixelOptions,
  pass: PassOptions = {},
): Scorer {
  return isGraphModel(model)
    ? ofGraphModel(model, { input, output, target }, pass)
    : ofLayersModel(model, { input, output, target }, pass);
}

interface Explained {
  input: number | string;
  output: number | string;
  target: Target;
}

function ofLayersModel(
  model: tfl.LayersModel,
  { input, output, target }: Explained,
  pass: PassOptions,
): Scorer {
  const names = model.inputs.map(({ sourceLayer }) => sourceLayer.name);
  const index = indexOf('input', names, input);
  const split = splitModel(model, names[index], { output, ...targetOutputs(target) });
  return {
    input: index,
    score(inputs) {
      const features = split.features(inputs, pass);
      return targetScores(split, split.head(features), target, inputs[index]!.shape[0]!);
    },
  };
}

function ofGraphModel(
  model: GraphModel,
  { input, output, target }: Explained,
  { applyLayer }: PassOptions,
): Scorer {
  if (applyLayer) {
    throw new ModelError(
      'a graph-model has operations and no layers: guided backpropagation and the deconvolution network cannot change ' +
        'how its ReLUs go back; gradient, SmoothGrad and integrated gradients work',
    );
  }
  const outputs = model.outputs.map(({ name }) => name);
  const node = typeof target === 'object' ? target.layer : undefined;
  const own = typeof output === 'string' ? output : outputs[indexOf('output', outputs, output)]!;
  const wanted = typeof target === 'function' ? outputs : [node ?? own];
  return {
    input: indexOf(
      'input',
      model.inputs.map(({ name }) => name),
      input,
    ),
    score(inputs) {
      const answer = model.execute([...inputs], wanted);
      const values = Array.isArray(answer) ? answer : [answer];
      const logits = values[0]!;
      const rows = inputs[0]!.shape[0]!;
      return targetScores({ model: { name: 'graph-model' } }, { logits, outputs: values }, target, rows);
    },
  };
}

function isGraphModel(model: tfl.LayersModel | GraphModel): model is GraphModel {
  return !('layers' in model) && typeof (model as Partial<GraphModel>).execute === 'function';
}

function indexOf(what: string, names: readonly string[], wanted: number | string): number {
  const index = typeof wanted === 'number' ? wanted : names.indexOf(wanted);
  if (names[index] === undefined) {
    const known = names.map((name, i) => `${i} ("${name}")`).join(', ');
    throw new UsageError(`${what}: there is no ${JSON.stringify(wanted)}; there are ${known}`);
  }
  return index;
}
