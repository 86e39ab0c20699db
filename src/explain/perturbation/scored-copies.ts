import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, UsageError } from '../../errors/index.ts';
import { forward, runModel, type TargetFunction } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';
import type { Subject } from './subjects.ts';

/** Anything that answers images: a layers-model, a graph-model, or a function in the shape of one. */
export interface Predictor {
  predict(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor | tf.Tensor[] | tf.NamedTensorMap;
}

export interface PerturbationOptions extends Omit<MethodOptions, 'target'> {
  /**
   * The explained score: the output of the model as it is, which is a probability where the model ends in softmax or
   * sigmoid, as in the papers; the class logit; or a function of the outputs.
   * @default 'output'
   */
  target?: 'output' | 'logit' | TargetFunction | undefined;
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
  /** Score of a copy of this batch, counted from 0. */
  score(copy: number, column: number): number;
}

/**
 * Scores changed copies of an image, batch by batch. The last batch is filled up, so that an engine that compiles by
 * shape meets one shape; between two batches the program may do something else.
 *
 * @throws UsageError when the model does not score as the target says, or a pair names a class that it does not have
 */
export async function* scoreCopies(
  model: tfl.LayersModel | Predictor,
  subject: Subject,
  { count, write }: Copies,
  options: PerturbationOptions,
): AsyncGenerator<ScoredCopies> {
  const { batchSize = 16, signal } = options;
  const size = subject.image.length;
  const batch = new Float32Array(batchSize * size);
  for (let first = 0; first < count; first += batchSize) {
    const filled = Math.min(batchSize, count - first);
    for (let i = 0; i < filled; i++) write(first + i, batch.subarray(i * size, (i + 1) * size));
    const scores = tf.tidy(() => {
      const copies = tf.tensor(batch, [batchSize, ...subject.shape]);
      return scoresOf(model, subject.inputs(copies), options);
    });
    const columns = scores.rank === 2 ? scores.shape[1]! : undefined;
    const values = await scores.data();
    scores.dispose();
    checkClasses(subject, columns);
    yield {
      first,
      size: filled,
      score: (copy, column) => values[columns === undefined ? copy : copy * columns + column]!,
    };
    await setImmediate();
    signal?.throwIfAborted();
  }
}

/** [B, C], or [B] for one score whatever the class. */
function scoresOf(
  model: tfl.LayersModel | Predictor,
  inputs: tf.Tensor[],
  { target = 'output', output = 0 }: PerturbationOptions,
): tf.Tensor {
  if (target === 'logit') {
    if (!isLayersModel(model)) {
      throw new UsageError(
        'target "logit" needs a layers-model; of any other model its outputs are explained',
      );
    }
    return checkScores(forward(model, inputs, { output }), inputs);
  }
  const outputs = isLayersModel(model) ? runModel(model, inputs) : listOf(model.predict(single(inputs)));
  if (target !== 'output') return checkScores(target(...outputs), inputs);
  const names = isLayersModel(model) ? model.outputNames : [];
  const index = typeof output === 'number' ? output : names.indexOf(output);
  if (!outputs[index]) {
    const known = outputs.map((_, i) => (names[i] ? `${i} ("${names[i]}")` : String(i))).join(', ');
    throw new ModelError(`no output ${JSON.stringify(output)}; the outputs are ${known}`);
  }
  return checkScores(outputs[index], inputs);
}

function checkScores(scores: tf.Tensor, inputs: readonly tf.Tensor[]): tf.Tensor {
  const [samples] = inputs[0]!.shape as [number];
  if (scores.rank < 1 || scores.rank > 2 || scores.shape[0] !== samples) {
    throw new UsageError(
      `expected scores [${samples}] or [${samples}, classes], found [${scores.shape.join(', ')}]; say with ` +
        '`target` which score of the outputs is to be explained',
    );
  }
  return scores;
}

function checkClasses({ pairs, sample }: Subject, columns: number | undefined): void {
  if (columns === undefined) return;
  for (const { column } of pairs) {
    if (Number.isInteger(column) && column >= 0 && column < columns) continue;
    throw new UsageError(
      `pair { sample: ${sample}, class: ${column} }: class must be a whole number from 0 to ${columns - 1}, ` +
        `the model scores ${columns}`,
    );
  }
}

function isLayersModel(model: tfl.LayersModel | Predictor): model is tfl.LayersModel {
  return 'layers' in model && 'outputNames' in model;
}

function single(inputs: tf.Tensor[]): tf.Tensor | tf.Tensor[] {
  return inputs.length === 1 ? inputs[0]! : inputs;
}

function listOf(outputs: tf.Tensor | tf.Tensor[] | tf.NamedTensorMap): tf.Tensor[] {
  if (outputs instanceof tf.Tensor) return [outputs];
  return Array.isArray(outputs) ? outputs : Object.values(outputs);
}
