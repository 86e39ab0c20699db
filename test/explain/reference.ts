import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { ExecutionContext } from 'ava';
import type { Pair } from '../../src/gradcam/index.ts';
import { buildCase, type Case, numbers, pairsOf, tensorOf } from '../gradcam/reference-network.ts';

/** The networks and results of `test/reference/explain.py`. */

export interface ExplainCase extends Omit<Case, 'results'> {
  early: string;
  scale?: number;
  steps: number;
  results: Record<string, number[]>;
}

export interface Problem {
  model: tfl.LayersModel;
  images: tf.Tensor;
  pairs: Pair[];
  /** Of integrated gradients, [H, W, c]. */
  baseline: tf.Tensor;
}

export const cases: ExplainCase[] = JSON.parse(
  readFileSync(new URL('../fixtures/explain.json', import.meta.url), 'utf8'),
).cases;

export function buildProblem(one: ExplainCase): Problem {
  const like: Case = { ...one, results: [] };
  const shape = one.input.slice(1);
  return {
    model: buildCase(like).model,
    images: tf.tidy(() => tf.mul(tensorOf(7, one.input), one.scale ?? 1)),
    pairs: pairsOf(like),
    baseline: tf.tensor(
      numbers(31, tf.util.sizeFromShape(shape)).map((value) => value / 4),
      shape,
    ),
  };
}

/** Asserts values to 1e-4 of the largest, disposes of them, and that nothing else is left behind. */
export async function equals(
  t: ExecutionContext,
  expected: readonly number[] | undefined,
  make: () => tf.Tensor | Promise<tf.Tensor>,
  title: string,
): Promise<void> {
  const live = tf.memory().numTensors;
  const tensor = await make();
  t.is(tf.memory().numTensors, live + 1, `${title}: live tensors`);
  const actual = tensor.dataSync();
  tensor.dispose();
  t.is(actual.length, expected?.length ?? -1, title);
  const scale = Math.max(...expected!.map(Math.abs));
  const error = Math.max(...expected!.map((value, i) => Math.abs(actual[i]! - value))) / scale;
  t.true(error < 1e-4, `${title}: differs by ${error} of the largest value`);
}
