import * as tf from '@tensorflow/tfjs-core';
import { ModelError, UsageError } from '../errors/index.ts';
import type { HeadOutputs } from './split-model.ts';

/**
 * What is explained: from the outputs of the model (with their final activations, in the model's order) to
 * scores [B,C], one column per class, or [B]. Each sample's scores may depend on its own row only.
 */
export type TargetFunction = (...outputs: tf.Tensor[]) => tf.Tensor;

/** What is explained is read inside the network: the logits, or what a layer answers. */
export interface InnerTarget {
  /** Path of any layer, see {@link resolveTargetLayer}; its units are what a pair calls classes. @default the logits */
  layer?: string | undefined;
  /**
   * From the values [B,…] to scores [B, units] or [B]: a single neuron, a difference of two classes.
   * @default each channel's mean over space
   */
  score?: ((values: tf.Tensor) => tf.Tensor) | undefined;
}

/** The score that is explained: the class logit s^c, a function of the outputs, or units of an inner layer. */
export type Target = 'logit' | TargetFunction | InnerTarget;

/** What {@link splitModel} has to make a head answer, so that a target finds what it reads. */
export function targetOutputs(target: Target): { allOutputs: boolean; innerLayer: string | undefined } {
  return {
    allOutputs: typeof target === 'function',
    innerLayer: typeof target === 'object' ? target.layer : undefined,
  };
}

/**
 * The scores of a pass.
 *
 * @param split the model, for the message
 * @param head of a model split with {@link targetOutputs}
 * @param samples B
 * @returns [B,C], one column per class or unit, or [B]
 * @throws {ModelError} when the logits are not [B,C] and nothing says what is to be explained
 * @throws {UsageError} when a target's function gives something else
 */
export function targetScores(
  { model }: { readonly model: { readonly name: string } },
  { logits, outputs }: HeadOutputs,
  target: Target,
  samples: number,
): tf.Tensor {
  if (typeof target === 'function') return checked(target(...outputs), samples);
  const { layer, score } = target === 'logit' ? ({} as InnerTarget) : target;
  const values = layer === undefined ? logits : outputs[0]!;
  if (score) return checked(score(values), samples);
  if (layer !== undefined) {
    const space = Array.from({ length: values.rank - 2 }, (_, i) => i + 1);
    return space.length > 0 ? tf.mean(values, space) : values;
  }
  if (values.rank !== 2) {
    throw new ModelError(
      `Model "${model.name}": expected an output [batch, classes], found [${values.shape.join(', ')}]; ` +
        'say with `target` which score of it is to be explained',
    );
  }
  return values;
}

function checked(scores: tf.Tensor, samples: number): tf.Tensor {
  if (scores.rank < 1 || scores.rank > 2 || scores.shape[0] !== samples) {
    throw new UsageError(
      `target: expected scores [${samples}] or [${samples}, classes], received [${scores.shape.join(', ')}]`,
    );
  }
  return scores;
}
