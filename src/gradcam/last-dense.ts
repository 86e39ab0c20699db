import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../errors/index.ts';
import { layerGraph } from './layer-graph.ts';
import { runToSlots } from './run-model.ts';

/** The dense layer that gives a model's logits, and what it reads. */
export interface LastDense {
  /** [K,C]. */
  readonly kernel: tf.Variable;
  /** [C]; undefined for a layer without one. */
  readonly bias: tf.Variable | undefined;
  /** C. */
  readonly units: number;
  /** @returns [B,K] */
  features(images: tf.Tensor | readonly tf.Tensor[]): tf.Tensor2D;
}

/**
 * The last layer of a classifier, where it is a dense one.
 *
 * @throws {ModelError} when the logits come from a layer of another kind
 */
export function lastDense(model: tfl.LayersModel): LastDense {
  const graph = layerGraph(model);
  let slot = graph.outputs[0]!.logits;
  for (;;) {
    const step = graph.steps.find(({ outputs }) => outputs.includes(slot));
    const kind = step?.layer.getClassName();
    if (step && kind === 'Activation') {
      slot = step.inputs[0]!;
      continue;
    }
    if (!step || kind !== 'Dense') {
      throw new ModelError(
        `Model "${model.name}": expected a dense layer to give the logits, found ${step ? `"${step.path}" (${kind})` : 'none'}`,
      );
    }
    const input = step.inputs[0]!;
    const { kernel, bias } = step.layer as unknown as Record<
      'kernel' | 'bias',
      { read(): tf.Variable } | null
    >;
    const weights = kernel!.read();
    return {
      kernel: weights,
      bias: bias?.read(),
      units: weights.shape[1]!,
      features: (images) => runToSlots(graph, images, [input], {})[0] as tf.Tensor2D,
    };
  }
}
