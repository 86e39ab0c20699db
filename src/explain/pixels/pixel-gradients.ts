import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients, withoutGradient } from '../../autodiff/index.ts';
import { ModelError, UsageError } from '../../errors/index.ts';
import { type Pair, pairColumns } from '../../gradcam/index.ts';
import { oneHotRows } from '../../losses/index.ts';
import { type Batch, batchesOf } from '../batches.ts';
import type { PixelOptions } from './options.ts';
import { type ReluRule, reluRule } from './relu-rules.ts';
import { type GraphModel, scorerOf } from './scorer.ts';

/** Pairs in batches, each row of which is the image of one pair: all pairs are served alike, whatever they repeat. */
export interface PixelProblem {
  readonly batches: readonly Batch[];
  /** Of one image, [H,W,c]. */
  readonly shape: readonly number[];
  /** The rows of a tensor of all images, [B,…], that go with a batch; by default the images themselves. */
  rowsOf(batch: Batch, tensor?: tf.Tensor): tf.Tensor;
  /** ∂s_p/∂x at some pixels in place of those of the batch's rows, [R,H,W,c]. */
  gradientAt(batch: Batch, pixels: tf.Tensor): tf.Tensor;
}

/**
 * What all methods of pixel space start from: the derivative of the pairs' scores with respect to the pixels.
 *
 * @throws {UsageError} for a pair, an input or a target that does not fit
 * @throws {ModelError} for a layer that does not exist, or an operation that has no derivative
 */
export function pixelProblem(
  model: tfl.LayersModel | GraphModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: PixelOptions,
  rule: ReluRule = 'gradient',
): PixelProblem {
  enableHigherOrderGradients();
  const inputs = images instanceof tf.Tensor ? [images] : images;
  const scorer = scorerOf(model, options, { applyLayer: reluRule(rule) });
  const image = inputs[scorer.input];
  if (image === undefined) {
    throw new UsageError(
      `images: expected a tensor for input ${scorer.input}, received ${inputs.length} in all`,
    );
  }
  const [samples, ...shape] = image.shape as [number, ...number[]];
  pairColumns(pairs, { samples, classes: undefined });

  const rowsOf = ({ rows }: Batch, tensor: tf.Tensor = image) =>
    tf.gather(
      tensor,
      tf.tensor1d(
        rows.map((row) => pairs[row]!.sample),
        'int32',
      ),
    );

  const gradientAt = (batch: Batch, pixels: tf.Tensor) =>
    withoutGradient(() => {
      const others = inputs.map((input, i) => (i === scorer.input ? undefined : rowsOf(batch, input)));
      const score = (x: tf.Tensor) => {
        const scores = scorer.score(others.map((other) => other ?? x));
        if (scores.rank === 1) return tf.sum(scores);
        const classes = scores.shape[1]!;
        const columns = pairColumns(pairs, { samples, classes });
        const ofRows = batch.rows.map((row) => columns[row]!);
        return tf.sum(tf.mul(scores, oneHotRows(ofRows, classes)));
      };
      return derivative(score, pixels);
    });

  return { batches: batchesOf(pairs.length, options.batchSize ?? 16), shape, rowsOf, gradientAt };
}

/** The attributions of all pairs, batch by batch, without a pause. */
export function attributeNow(problem: PixelProblem, attribute: (batch: Batch) => tf.Tensor): tf.Tensor {
  return tf.tidy(() => {
    const found = problem.batches.map((batch) => tf.tidy(() => real(batch, attribute(batch))));
    return joined(problem, found);
  });
}

/**
 * The attributions of all pairs, each a sum of as many passes as there are `terms`; may be interrupted between two.
 *
 * @param term of a batch, number `i` of the sum
 * @param whole from the sum to the attribution
 */
export async function attributeInTerms(
  problem: PixelProblem,
  terms: number,
  term: (batch: Batch, i: number) => tf.Tensor,
  whole: (batch: Batch, sum: tf.Tensor) => tf.Tensor,
  { onProgress, signal }: PixelOptions,
): Promise<tf.Tensor> {
  const found: tf.Tensor[] = [];
  let sum: tf.Tensor | undefined;
  try {
    for (const [nth, batch] of problem.batches.entries()) {
      for (let i = 0; i < terms; i++) {
        const before = sum;
        sum = tf.tidy(() => (before ? tf.add(before, term(batch, i)) : term(batch, i)));
        before?.dispose();
        onProgress?.(nth * terms + i + 1, problem.batches.length * terms);
        await setImmediate();
        signal?.throwIfAborted();
      }
      found.push(tf.tidy(() => real(batch, whole(batch, sum!))));
      sum?.dispose();
      sum = undefined;
    }
    return tf.tidy(() => joined(problem, found));
  } finally {
    tf.dispose(sum ? [...found, sum] : found);
  }
}

/** The rows of a batch without those that fill it up. */
function real({ size, rows }: Batch, tensor: tf.Tensor): tf.Tensor {
  return size === rows.length ? tf.clone(tensor) : tf.slice(tensor, 0, size);
}

function joined({ shape }: PixelProblem, found: tf.Tensor[]): tf.Tensor {
  if (found.length === 0) return tf.zeros([0, ...shape]);
  return found.length === 1 ? tf.clone(found[0]!) : tf.concat(found, 0);
}

function derivative(score: (x: tf.Tensor) => tf.Tensor, x: tf.Tensor): tf.Tensor {
  try {
    return tf.grad(score)(x);
  } catch (error) {
    const message = error instanceof Error ? error.message : '';
    const missing = /gradient function not found for (\w+)/.exec(message)?.[1];
    if (missing) throw new ModelError(`the operation ${missing} has no derivative in tfjs`, { cause: error });
    if (/Cannot compute gradient of y=f\(x\)/.test(message)) {
      throw new ModelError('the explained score does not depend on the pixels', { cause: error });
    }
    throw error;
  }
}
