import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../errors/index.ts';
import { type BatchNormMode, batchNormalize, effectiveBatchNorm, needsOwnBatchNorm } from './batch-norm.ts';
import type { Layer } from './layer.ts';
import { type LayerGraph, layerGraph, type Step } from './layer-graph.ts';
import { type Schedule, scheduleAll } from './schedule.ts';
import { seedAt, seededNoise } from './seeded-noise.ts';

/** What a layer is to answer in place of its own call; `undefined` leaves it to the layer. */
export type ApplyLayer = (
  layer: Layer,
  inputs: tf.Tensor[],
  kwargs: Record<string, unknown>,
  path: string,
) => tf.Tensor | tf.Tensor[] | undefined;

/** How the layers behave in one pass through a model. */
export interface PassOptions {
  /** Training behaviour: dropout drops, batch norm looks at the batch. @default false */
  training?: boolean | undefined;
  /** Of the batch norms that are not frozen. @default 'update' in training, else 'inference' */
  batchNorm?: BatchNormMode | undefined;
  /**
   * Makes the noise of dropout-like layers a function of this integer and the layer's position; without it
   * they draw as tfjs does.
   */
  dropoutSeed?: number | undefined;
  /** Replaces the call of a layer, for rules such as guided backpropagation. */
  applyLayer?: ApplyLayer | undefined;
}

/** The tensors of a running model by slot, with Keras masks where a layer made one. */
export interface Values {
  readonly tensors: (tf.Tensor | undefined)[];
  readonly masks: (tf.Tensor | undefined)[];
}

/**
 * Runs a layers-model layer by layer and returns all its outputs.
 *
 * The same numbers as `model.predict` (or as `model.apply` in training), with the behaviour of batch norm and
 * dropout in the caller's hand, and differentiable with respect to weights and inputs.
 *
 * @param model any layers-model: functional or sequential, nested, with shared layers, several inputs or outputs
 * @param inputs one tensor per input, the batch first
 * @returns one tensor per output
 * @throws {UsageError} when the inputs do not fit the model
 */
export function runModel(
  model: tfl.LayersModel,
  inputs: tf.Tensor | readonly tf.Tensor[],
  options: PassOptions = {},
): tf.Tensor[] {
  const graph = layerGraph(model);
  const slots = graph.outputs.map(({ slot }) => slot);
  return tf.tidy(() => runToSlots(graph, inputs, slots, options));
}

/** The values at some slots, from the model's inputs. */
export function runToSlots(
  graph: LayerGraph,
  inputs: tf.Tensor | readonly tf.Tensor[],
  slots: readonly number[],
  options: PassOptions,
): tf.Tensor[] {
  const values = feed(graph, inputs);
  execute(scheduleAll(graph, slots), values, options);
  return slots.map((slot) => values.tensors[slot]!);
}

/**
 * The values that a run starts from.
 *
 * @throws {UsageError} when their number or shape does not fit the model
 */
export function feed(graph: LayerGraph, inputs: tf.Tensor | readonly tf.Tensor[]): Values {
  const list = inputs instanceof tf.Tensor ? [inputs] : inputs;
  if (list.length !== graph.inputs.length) {
    const names = graph.inputs.map(({ name }) => name).join(', ');
    throw new UsageError(
      `inputs: expected ${graph.inputs.length} tensor(s), one for each of ${names}, received ${list.length}`,
    );
  }
  const values: Values = { tensors: [], masks: [] };
  graph.inputs.forEach(({ name, slot, shape }, i) => {
    const tensor = list[i]!;
    if (tensor.rank !== shape.length || shape.some((size, j) => size !== null && size !== tensor.shape[j])) {
      throw new UsageError(
        `input "${name}": expected shape [${shape.map((size) => size ?? 'any').join(', ')}], ` +
          `received [${tensor.shape.join(', ')}]`,
      );
    }
    values.tensors[slot] = tensor;
  });
  return values;
}

/** Runs the steps of a schedule on the values, in place. To be called inside `tf.tidy`. */
export function execute({ steps, spent }: Schedule, values: Values, options: PassOptions): void {
  const { tensors, masks } = values;
  // A tape may refer to any intermediate tensor; without one, memory is given back on the way.
  const release = !tf.engine().isTapeOn();
  steps.forEach((step, i) => {
    const inputs = step.inputs.map((slot) => tensors[slot]!);
    const inputMasks = step.inputs.map((slot) => masks[slot]);
    const outputs = applyStep(step, inputs, inputMasks, options);
    const mask = outputMask(step.layer, inputs, inputMasks);
    step.outputs.forEach((slot, j) => {
      tensors[slot] = outputs[j]!;
      masks[slot] = mask;
    });
    if (release && step.layer.stateful !== true) {
      for (const slot of spent[i]!) {
        tensors[slot]?.dispose();
        tensors[slot] = undefined;
      }
    }
  });
}

function applyStep(
  { layer, path, position, callArgs }: Step,
  inputs: tf.Tensor[],
  masks: (tf.Tensor | undefined)[],
  { training = false, batchNorm = training ? 'update' : 'inference', dropoutSeed, applyLayer }: PassOptions,
): tf.Tensor[] {
  const normMode = effectiveBatchNorm(layer, batchNorm);
  const mask = masks.find((one) => one !== undefined);
  // A batch norm whose own call is used is in inference mode, also in a pass that trains.
  const trains = training && layer.getClassName() !== 'BatchNormalization';
  const kwargs = { ...callArgs, training: trains, ...(mask && { mask }) };
  const output =
    applyLayer?.(layer, inputs, kwargs, path) ??
    (needsOwnBatchNorm(layer, inputs[0]!, normMode)
      ? batchNormalize(layer, inputs[0]!, normMode)
      : undefined) ??
    (training && dropoutSeed !== undefined
      ? seededNoise(layer, inputs, seedAt(dropoutSeed, position))
      : undefined) ??
    (layer.apply(inputs, kwargs) as tf.Tensor | tf.Tensor[]);
  const outputs = Array.isArray(output) ? output : [output];
  return outputs.map((tensor) => (inputs.includes(tensor) ? tensor.clone() : tensor));
}

function outputMask(
  layer: Layer,
  inputs: tf.Tensor[],
  masks: (tf.Tensor | undefined)[],
): tf.Tensor | undefined {
  if (!layer.supportsMasking) return undefined;
  const mask = layer.computeMask(inputs, masks.map((one) => one ?? null) as tf.Tensor[]) as
    | tf.Tensor
    | tf.Tensor[]
    | null;
  return (Array.isArray(mask) ? mask[0] : mask) ?? undefined;
}
