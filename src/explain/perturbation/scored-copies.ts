import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, UsageError } from '../../errors/index.ts';
import { runModel, splitModel, type Target, targetOutputs, targetScores } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';
import type { RemotePredictor } from './remote-predictor.ts';
import { type Subject, wholeNumber } from './subjects.ts';

/** Anything that answers images: a layers-model, a graph-model, or a function in the shape of one. */
export interface Predictor {
  predict(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] | tf.NamedTensorMap;
}

/** What methods that look at scores alone can explain. */
export type Explained = tfl.LayersModel | Predictor | RemotePredictor;

export interface PerturbationOptions extends Omit<MethodOptions, 'target'> {
  /**
   * The explained score: the output of the model as it is, which is a probability where the model ends in softmax or
   * sigmoid, as in the papers; the class logit; a function of the outputs; or units of a layer.
   * @default 'output'
   */
  target?: 'output' | Target | undefined;
  /** Which of several inputs is perturbed; the others stay as they are. @default 0 */
  input?: number | undefined;
}

/** Copies of the image of a subject, each changed in its own way. */
export interface Copies {
  readonly count: number;
  /** Writes copy number `index`, as long as the image. Called for one batch after the other. */
  write(index: number, out: Float32Array): void;
}

/** Scores of copies `first` … `first + size − 1`. */
export interface ScoredCopies {
  readonly first: number;
  readonly size: number;
  /** The score that pair number `pair` asks for, of a copy of this batch, counted from 0. */
  score(copy: number, pair: number): number;
}

/**
 * Scores changed copies of an image, batch by batch. The last batch is filled up, so that an engine that compiles by
 * shape meets one shape; between two batches the program may do something else.
 *
 * @throws {UsageError} when the model does not score as the target says, or a pair names a class that it does not have
 */
export async function* scoreCopies(
  model: Explained,
  subject: Subject,
  { count, write }: Copies,
  options: PerturbationOptions,
): AsyncGenerator<ScoredCopies> {
  const { batchSize = 16, signal } = options;
  const size = subject.image.length;
  const batch = new Float32Array(wholeNumber('batchSize', batchSize, 1) * size);
  const score = 'score' in model ? scoredElsewhere(model, options) : scoredHere(scorer(model, options));
  for (let first = 0; first < count; first += batchSize) {
    const filled = Math.min(batchSize, count - first);
    for (let i = 0; i < filled; i++) write(first + i, batch.subarray(i * size, (i + 1) * size));
    const { values, classes } = await score(subject, batch, filled);
    const columns = subject.columns(classes);
    yield {
      first,
      size: filled,
      score: (copy, pair) => values[copy * (classes ?? 1) + columns[pair]!]!,
    };
    await setImmediate();
    signal?.throwIfAborted();
  }
}

type ScoreBatch = (
  subject: Subject,
  batch: Float32Array,
  filled: number,
) => Promise<{ readonly values: ArrayLike<number>; readonly classes: number | undefined }>;

function scoredHere(scoresOf: (inputs: tf.Tensor[], samples: number) => tf.Tensor): ScoreBatch {
  return async (subject, batch) => {
    const batchSize = batch.length / subject.image.length;
    const scores = tf.tidy(() => {
      const inputs = subject.inputs(tf.tensor(batch, [batchSize, ...subject.shape]));
      return checked(scoresOf(inputs, batchSize), batchSize);
    });
    const classes = scores.rank === 2 ? scores.shape[1]! : undefined;
    const values = await scores.data();
    scores.dispose();
    return { values, classes };
  };
}

function scoredElsewhere(model: RemotePredictor, { target, signal }: PerturbationOptions): ScoreBatch {
  if (target !== undefined && target !== 'output') {
    throw new UsageError('target: of a program or a server there are its scores, as they are answered');
  }
  return (subject, batch, filled) =>
    model.score(batch.subarray(0, filled * subject.image.length), [filled, ...subject.shape], signal);
}

/** From the inputs of the model to scores [B,C], or [B] for one score whatever the class. */
function scorer(
  model: tfl.LayersModel | Predictor,
  { target = 'output', output = 0, input = 0 }: PerturbationOptions,
): (inputs: tf.Tensor[], samples: number) => tf.Tensor {
  const layers = isLayersModel(model) ? model : undefined;
  if (target !== 'output' && typeof target !== 'function') {
    if (!layers) throw new UsageError('target: logits and inner layers are those of a layers-model');
    // Cut at the input: the head is the whole network, and answers what the target reads.
    const split = splitModel(layers, layers.inputs[input]?.sourceLayer.name, {
      output,
      ...targetOutputs(target),
    });
    return (inputs, samples) => targetScores(split, split.head(split.features(inputs)), target, samples);
  }
  const outputsOf = (inputs: tf.Tensor[]) => {
    if (layers) return runModel(layers, inputs);
    const outputs = (model as Predictor).predict(inputs.length === 1 ? inputs[0]! : inputs);
    return outputs instanceof tf.Tensor ? [outputs] : Object.values(outputs);
  };
  if (target !== 'output') return (inputs) => target(...outputsOf(inputs));
  const names: readonly string[] = layers?.outputNames ?? [];
  return (inputs) => {
    const outputs = outputsOf(inputs);
    const found = outputs[typeof output === 'number' ? output : names.indexOf(output)];
    if (found) return found;
    const known = outputs.map((_, i) => (names[i] ? `${i} ("${names[i]}")` : String(i))).join(', ');
    throw new ModelError(`no output ${JSON.stringify(output)}; the outputs are ${known}`);
  };
}

function checked(scores: tf.Tensor, samples: number): tf.Tensor {
  if (scores.rank >= 1 && scores.rank <= 2 && scores.shape[0] === samples) return scores;
  throw new UsageError(
    `expected scores [${samples}] or [${samples}, classes], found [${scores.shape.join(', ')}]; say with \`target\` ` +
      'which score of the outputs is to be explained',
  );
}

function isLayersModel(model: tfl.LayersModel | Predictor): model is tfl.LayersModel {
  return 'layers' in model && 'outputNames' in model;
}
