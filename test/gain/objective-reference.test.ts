import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { type GainBatch, type GainLossOptions, gainLoss } from '../../src/gain/objective/index.ts';
import { type LayerSpec, numbers, referenceNet } from './reference-net.ts';

interface Case {
  title: string;
  seed: number;
  imageSeed: number;
  batch: number;
  layers: LayerSpec[];
  labels: number[][];
  maskPairs?: [number, number][];
  maskSize?: number;
  options: GainLossOptions;
  expected: Record<Term, number | undefined> & { gradients: number[][] };
}
type Term = 'total' | 'classification' | 'mining' | 'supervision' | 'deadShare';
const terms: Term[] = ['total', 'classification', 'mining', 'supervision', 'deadShare'];

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/gain.json', import.meta.url), 'utf8'),
);

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
});

const uniform = (seed: number, shape: number[]) =>
  tf.tensor(numbers(seed, tf.util.sizeFromShape(shape)), shape);

function batchOf({ imageSeed, batch, labels, maskPairs, maskSize = 12 }: Case): GainBatch {
  const images = tf.add(uniform(imageSeed, [batch, 12, 12, 3]), 0.5);
  if (maskPairs === undefined) return { images, labels };
  const masks = tf.greater(uniform(imageSeed + 1, [maskPairs.length, maskSize, maskSize]), 0);
  return {
    images,
    labels,
    masks: tf.cast(masks, 'float32') as tf.Tensor3D,
    maskPairs: maskPairs.map(([sample, c]) => ({ sample, class: c })),
  };
}

/** Distance of two gradients of a weight: relative to its own norm, or a millionth of all weights' where that is 0. */
function assertGradients(
  t: import('ava').ExecutionContext,
  actual: ArrayLike<number>[],
  expected: number[][],
  tolerance: number,
) {
  const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));
  const whole = norm(expected.map(norm));
  expected.forEach((reference, i) => {
    t.is(actual[i]!.length, reference.length);
    const distance = norm(reference.map((value, j) => value - actual[i]![j]!));
    const allowed = tolerance * (norm(reference) + 0.01 * whole);
    t.true(
      distance <= allowed,
      `weight ${i}: off by ${distance}, allowed ${allowed}, norm ${norm(reference)}`,
    );
  });
}

for (const one of cases) {
  test(`loss and gradients of all weights equal PyTorch's double backward: ${one.title}`, (t) => {
    const model = referenceNet(one.layers, one.seed);
    const batch = batchOf(one);
    const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
    for (const pairCapacity of one.options.training ? [undefined] : [undefined, 8]) {
      const options = { training: false, ...one.options, targetLayer: 'target', pairCapacity };
      const values: Partial<Record<Term, tf.Scalar>> = {};
      const { grads } = tf.variableGrads(() => {
        const loss = gainLoss(model, batch, options);
        for (const term of terms) {
          if (loss[term] !== undefined) values[term] = tf.keep(loss[term]);
        }
        return loss.total;
      }, variables);
      for (const term of terms) {
        const expected = one.expected[term];
        if (expected === undefined) t.is(values[term], undefined);
        else {
          const actual = values[term]!.dataSync()[0]!;
          t.true(
            Math.abs(actual - expected) <= 1e-4 * Math.abs(expected),
            `${term}: ${actual}, not ${expected}`,
          );
        }
      }
      const gradients = variables.map(({ name, size }) => grads[name]?.dataSync() ?? new Float32Array(size));
      assertGradients(t, gradients, one.expected.gradients, 1e-4);
    }
  });
}
