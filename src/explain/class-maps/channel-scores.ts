import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import {
  type Features,
  type HeadOutputs,
  type Pair,
  pairColumns,
  type SplitModel,
  splitModel,
  targetOutputs,
  targetScores,
} from '../../gradcam/index.ts';
import { batchesOf } from '../batches.ts';
import type { MethodOptions } from '../method.ts';

/** A pass over copies of one image, one for each of some channels of A. */
export interface ChannelPass {
  readonly split: SplitModel;
  /** The inputs of the model, [B,…]. */
  readonly inputs: readonly tf.Tensor[];
  /** Of all images. */
  readonly features: Features;
  /** Row of the image. */
  readonly sample: number;
  /** Which channel each copy is about. */
  readonly channels: readonly number[];
}

/** What {@link channelScores} hands to the weights. */
export interface PairScores {
  /** s^c of the image. */
  readonly whole: number;
  /** s^c of the copy of each channel, [K]. */
  readonly ofChannels: Float64Array;
}

/**
 * Maps whose weights come from scores and not from gradients: M_p = ReLU(Σ_k w_k^p A^k), where w follows from K more
 * passes for each image, one for each channel of the target layer.
 *
 * @param pass scores copies of an image, [n, …], one for each channel asked for
 * @param weigh from the scores of a pair to w, [K]
 * @returns [P,h,w]
 */
export async function channelScoreMaps(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { targetLayer, output, target = 'logit', batchSize = 16, onProgress, signal }: MethodOptions,
  pass: (request: ChannelPass) => HeadOutputs,
  weigh: (scores: PairScores) => ArrayLike<number>,
): Promise<tf.Tensor> {
  const inputs = images instanceof tf.Tensor ? [images] : images;
  const split = splitModel(model, targetLayer, { output, ...targetOutputs(target) });
  const features = keptFeatures(split, inputs);
  try {
    const { activations } = features;
    const [samples, channels] = [activations.shape[0]!, activations.shape.at(-1)!];
    const scoresOf = (head: HeadOutputs, rows: number) => targetScores(split, head, target, rows);
    const whole = tf.tidy(() => scoresOf(split.head(features), samples));
    const classes = whole.rank === 2 ? whole.shape[1]! : 1;
    const wholeScores = await read(whole);
    const columns = pairColumns(pairs, { samples, classes: whole.rank === 2 ? classes : undefined });

    const weights: ArrayLike<number>[] = [];
    const subjects = [...new Set(pairs.map(({ sample }) => sample))];
    for (const [nth, sample] of subjects.entries()) {
      const ofSample = pairs.flatMap((pair, p) => (pair.sample === sample ? [p] : []));
      const scores = ofSample.map(() => new Float64Array(channels));
      for (const { first, size, rows } of batchesOf(channels, batchSize)) {
        const changed = tf.tidy(() =>
          scoresOf(pass({ split, inputs, features, sample, channels: rows }), rows.length),
        );
        const values = await read(changed);
        for (const [i, p] of ofSample.entries()) {
          for (let k = 0; k < size; k++) scores[i]![first + k] = values[k * classes + columns[p]!]!;
        }
        onProgress?.(nth * channels + first + size, subjects.length * channels);
        await setImmediate();
        signal?.throwIfAborted();
      }
      for (const [i, p] of ofSample.entries()) {
        weights[p] = weigh({
          whole: wholeScores[sample * classes + columns[p]!]!,
          ofChannels: scores[i]!,
        });
      }
    }
    return weightedMaps(activations, pairs, weights);
  } finally {
    features.activations.dispose();
    tf.dispose(features.values.tensors.filter((tensor) => tensor !== undefined));
    tf.dispose(features.values.masks.filter((mask) => mask !== undefined));
  }
}

/**
 * Features of `copies` of one image, for a head that is to see another A: what bypasses the target layer is repeated.
 */
export function repeatFeatures({ values, ...rest }: Features, sample: number, copies: number): Features {
  const repeat = (tensor: tf.Tensor | undefined) =>
    tensor && tf.tile(tf.slice(tensor, sample, 1), [copies, ...tensor.shape.slice(1).map(() => 1)]);
  return { ...rest, values: { tensors: values.tensors.map(repeat), masks: values.masks.map(repeat) } };
}

/** Features that outlive the tidy: every value of them is a copy of its own. */
function keptFeatures(split: SplitModel, inputs: readonly tf.Tensor[]): Features {
  let features: Features | undefined;
  const keep = (tensor: tf.Tensor | undefined) => tensor && tf.keep(tf.clone(tensor));
  tf.tidy(() => {
    // Of a transformer's layer A is the patches alone, and no value of the run.
    const { values, activations, ...rest } = split.features(inputs);
    features = {
      ...rest,
      activations: keep(activations)!,
      values: { tensors: values.tensors.map(keep), masks: values.masks.map(keep) },
    };
  });
  return features!;
}

async function read(scores: tf.Tensor): Promise<ArrayLike<number>> {
  const values = await scores.data();
  scores.dispose();
  return values;
}

function weightedMaps(
  activations: tf.Tensor,
  pairs: readonly Pair[],
  weights: readonly ArrayLike<number>[],
): tf.Tensor {
  const [, ...shape] = activations.shape;
  const channels = shape.at(-1)!;
  if (pairs.length === 0) return tf.zeros([0, ...shape.slice(0, -1)]);
  return tf.tidy(() => {
    const samples = tf.tensor1d(
      pairs.map(({ sample }) => sample),
      'int32',
    );
    const spread = [pairs.length, ...shape.slice(0, -1).map(() => 1), channels];
    const w = tf.tensor(Float32Array.from(weights.flatMap((one) => Array.from(one))), spread);
    return tf.relu(tf.sum(tf.mul(w, tf.gather(activations, samples)), -1));
  });
}
