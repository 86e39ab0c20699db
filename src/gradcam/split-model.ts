import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { layerGraph, type Step } from './layer-graph.ts';
import { execute, feed, type PassOptions, type Values } from './run-model.ts';
import { cutAt } from './schedule.ts';
import { layerSlot, outputIndex, resolveTargetLayer, type TargetLayer } from './target-layer.ts';
import { patchesOf, withPatches } from './token-grid.ts';

export interface SplitOptions {
  /** Index or name of the output whose logits the head answers. @default 0 */
  output?: number | string | undefined;
  /** Also compute the model's outputs as they are, with their final activations. @default false */
  allOutputs?: boolean | undefined;
  /** Path of a layer whose values the head answers in place of the model's outputs. */
  innerLayer?: string | undefined;
}

/** The state of one pass between the two halves of a split model. */
export interface Features {
  /** A: the output of the target layer, [B, …spatial, K]; of a transformer's layer the patches, [B,h,w,K]. */
  readonly activations: tf.Tensor;
  /** Values that bypass the target layer and that the head reads. */
  readonly values: Values;
  readonly options: PassOptions;
  /** Whether the head has run: batch norm averages move once per pass. */
  headRan: boolean;
}

export interface HeadOutputs {
  /** The chosen output before its final softmax or sigmoid, [B,C]. */
  readonly logits: tf.Tensor;
  /** All outputs of the model as they are, or the values of the inner layer; empty unless asked for. */
  readonly outputs: tf.Tensor[];
}

/** A model cut in two at the output of a layer. Use it inside `tf.tidy`. */
export interface SplitModel {
  readonly model: tfl.LayersModel;
  readonly target: TargetLayer;
  /** The layer calls between the target layer and the logits. */
  readonly headSteps: readonly Step[];
  /** Slot of the logits, for following `headSteps`. */
  readonly logitsSlot: number;
  /** Runs the model up to the target layer. */
  features(inputs: tf.Tensor | readonly tf.Tensor[], options?: PassOptions): Features;
  /**
   * Runs the rest. Whatever bypasses the target layer is reused as it was, so that the derivative with respect
   * to `activations` is the partial derivative through the target layer.
   */
  head(features: Features, activations?: tf.Tensor): HeadOutputs;
}

/**
 * Cuts a model at a layer: `head(features(x))` is the model, and A = `features(x).activations` lies between.
 *
 * @param targetLayer path of a layer, see {@link resolveTargetLayer} @default 'auto'
 * @throws {ModelError} when there is no such layer, or what the head answers does not depend on it
 */
export function splitModel(
  model: tfl.LayersModel,
  targetLayer: string = 'auto',
  { output = 0, allOutputs = false, innerLayer }: SplitOptions = {},
): SplitModel {
  const graph = layerGraph(model);
  const target = resolveTargetLayer(model, targetLayer, { output, innerLayer });
  const { slot, logits, name } = graph.outputs[outputIndex(model, output)]!;
  const inner = innerLayer === undefined ? undefined : layerSlot(model, innerLayer);
  const outputSlots = inner !== undefined ? [inner] : allOutputs ? graph.outputs.map((one) => one.slot) : [];

  // Cut at the final activation itself, the logits lie before the cut: the output is then taken as it is.
  const after = cutAt(graph, [logits, ...outputSlots], target.slot);
  const wanted = after.dependsOnCut(logits) ? logits : slot;
  const cut = wanted === logits ? after : cutAt(graph, [slot, ...outputSlots], target.slot);
  if (!(inner === undefined && cut.dependsOnCut(wanted)) && !outputSlots.some(cut.dependsOnCut)) {
    const what = inner === undefined ? `output "${name}"` : `layer "${innerLayer}"`;
    throw new ModelError(`Model "${model.name}": ${what} does not depend on layer "${target.path}"`);
  }

  return {
    model,
    target,
    headSteps: cut.head.steps,
    logitsSlot: wanted,

    features(inputs, options = {}) {
      const values = feed(graph, inputs);
      execute(cut.body, values, options);
      const value = values.tensors[target.slot]!;
      const activations = target.tokens ? patchesOf(value, target.tokens) : value;
      return { activations, values, options, headRan: false };
    },

    head(features, activations = features.activations) {
      const { values } = features;
      const { training = false, batchNorm = training ? 'update' : 'inference' } = features.options;
      const tensors = [...values.tensors];
      tensors[target.slot] = target.tokens
        ? withPatches(activations, values.tensors[target.slot]!, target.tokens)
        : activations;
      execute(
        cut.head,
        { tensors, masks: [...values.masks] },
        {
          ...features.options,
          batchNorm: batchNorm === 'update' && features.headRan ? 'batch' : batchNorm,
        },
      );
      features.headRan = true;
      return { logits: tensors[wanted]!, outputs: outputSlots.map((one) => tensors[one]!) };
    },
  };
}
