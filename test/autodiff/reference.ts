import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import type { OpFunction } from './op-table.ts';

interface DrawOptions {
  low?: number;
  high?: number;
  step?: number;
}

export type Order = 'first' | 'second' | 'third';

/** A case of test/reference/autodiff.py: derivatives with respect to each input, flattened. */
export interface ReferenceCase {
  inputs: ({ shape: number[] } & DrawOptions)[];
  first: number[][];
  second: number[][];
  third?: number[][];
}

export function readFixture<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../fixtures/${name}`, import.meta.url), 'utf8')) as T;
}

/** The engine under test: GAIN_TEST_ENGINE, or the cpu backend of tfjs. */
export async function startTestEngine(): Promise<void> {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
}

/** The generator of test/reference/autodiff.py: values in [low, high], rounded to multiples of `step` if given. */
export function draw(shape: number[], seed: number, options: DrawOptions = {}): tf.Tensor {
  const { low = -1.5, high = 1.5, step = 0 } = options;
  const values = new Float32Array(tf.util.sizeFromShape(shape));
  let state = seed * 7919 + 17;
  for (let index = 0; index < values.length; index++) {
    state = (state * 16807) % 2147483647;
    const value = low + ((high - low) * state) / 2147483647;
    values[index] = step > 0 ? Math.round(value / step) * step : value;
  }
  return tf.tensor(values, shape);
}

const sumAll = (terms: tf.Tensor[]): tf.Scalar =>
  terms.map((term) => tf.sum(term)).reduce(tf.add) as tf.Scalar;

/** Σ v (y + y²/2): every element matters, with its own weight, and the result is not linear in y. */
const weighted = (y: tf.Tensor, seed: number) =>
  tf.mul(draw(y.shape, seed), tf.add(y, tf.div(tf.square(y), 2)));

/** The derivatives of one op that the reference script defines, on the current backend. */
export function derivatives(op: OpFunction, inputs: ReferenceCase['inputs'], order: Order): number[][] {
  return tf.tidy(() => {
    const x = inputs.map(({ shape, ...options }, index) => draw(shape, index + 1, options));
    const first = tf.grads((...xs: tf.Tensor[]) => sumAll([weighted(op(...xs), 101)]));
    const second = tf.grads((...xs: tf.Tensor[]) =>
      sumAll(first(xs).map((gradient, index) => weighted(gradient, 201 + index))),
    );
    const third = tf.grads((...xs: tf.Tensor[]) =>
      sumAll(second(xs).map((gradient, index) => tf.mul(gradient, draw(gradient.shape, 301 + index)))),
    );
    return { first, second, third }[order](x).map((gradient) => Array.from(gradient.dataSync()));
  });
}

/** The largest difference between two lists of tensors, relative to the largest reference value of each. */
export function relativeError(actual: number[][], expected: number[][]): number {
  const errors = expected.map((values, index) => {
    const scale = Math.max(1e-3, ...values.map(Math.abs));
    // NaN must not vanish in Math.max's favour: a difference that is no number is an infinite error.
    return values.map((value, at) => {
      const error = Math.abs((actual[index]?.[at] ?? Number.NaN) - value) / scale;
      return Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    });
  });
  return Math.max(...errors.flat());
}
