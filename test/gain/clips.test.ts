import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { type GainLossOptions, GainTrainer, gainLoss, guidanceTerms } from '../../src/gain/index.ts';
import { numbers } from './reference-net.ts';

interface Case {
  title: string;
  seed: number;
  imageSeed: number;
  labels: number[][];
  maskPairs: [number, number][];
  options: GainLossOptions;
  expected: Record<Term, number> & { gradients: number[][] };
}
type Term = 'total' | 'classification' | 'mining' | 'supervision';

const { cases }: { cases: Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/gain-clips.json', import.meta.url), 'utf8'),
);
const [frames, size, classes] = [4, 8, 3];

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'onnx') as EngineName });
});

/** The net of `test/reference/gain_clips.py`. */
function network(seed: number): tfl.Sequential {
  const conv = { kernelSize: 3, padding: 'same' } as const;
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv3d({ ...conv, filters: 4, activation: 'relu', inputShape: [frames, size, size, 3] }),
      tfl.layers.maxPooling3d({ poolSize: [1, 2, 2], strides: [1, 2, 2] }),
      tfl.layers.conv3d({ ...conv, filters: 5, activation: 'relu', name: 'target' }),
      tfl.layers.averagePooling3d({ poolSize: [2, 2, 2], strides: [2, 2, 2] }),
      tfl.layers.conv3d({ ...conv, filters: 4, activation: 'tanh' }),
      tfl.layers.averagePooling3d({ poolSize: [2, 2, 2], strides: [2, 2, 2] }),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: classes }),
    ],
  });
  model.setWeights(
    model.weights.map(({ shape }, i) => {
      const whole = shape as number[];
      const fanIn = whole.slice(0, -1).reduce((a, b) => a * b, 1);
      const scale = whole.length === 1 ? 0.4 : (whole.length === 2 ? 6 : 4) / Math.sqrt(fanIn);
      return tf.tensor(
        numbers(seed * 1000 + i + 1, tf.util.sizeFromShape(whole)).map((value) => value * scale),
        whole,
      );
    }),
  );
  return model;
}

function batchOf({ imageSeed, labels, maskPairs }: Pick<Case, 'imageSeed' | 'labels' | 'maskPairs'>) {
  const shape = [labels.length, frames, size, size, 3];
  const images = tf.tensor(
    numbers(imageSeed, tf.util.sizeFromShape(shape)).map((value) => value + 0.5),
    shape,
  );
  const marks = numbers(imageSeed + 1, maskPairs.length * frames * size * size).map((value) =>
    Number(value > 0),
  );
  return {
    images,
    labels,
    masks: tf.tensor4d(marks, [maskPairs.length, frames, size, size]),
    maskPairs: maskPairs.map(([sample, c]) => ({ sample, class: c })),
  };
}

for (const one of cases) {
  test.serial(
    `clips, loss and gradients of all weights equal PyTorch's double backward: ${one.title}`,
    (t) => {
      const model = network(one.seed);
      const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
      const values: Partial<Record<Term, tf.Scalar>> = {};
      const { grads } = tf.variableGrads(() => {
        const loss = gainLoss<tf.Tensor4D, tf.Tensor5D>(model, batchOf(one), {
          link: 'sigmoid',
          training: false,
          targetLayer: 'target',
          ...one.options,
        });
        t.deepEqual(loss.maps!.shape.slice(1), [frames, size / 2, size / 2]);
        for (const term of ['total', 'classification', 'mining', 'supervision'] as const) {
          values[term] = tf.keep(loss[term]!);
        }
        return loss.total;
      }, variables);
      for (const [term, value] of Object.entries(values)) {
        const expected = one.expected[term as Term];
        const actual = value.dataSync()[0]!;
        t.true(
          Math.abs(actual - expected) <= 1e-4 * Math.abs(expected),
          `${term}: ${actual}, not ${expected}`,
        );
      }
      const norm = (list: ArrayLike<number>) => Math.hypot(...Array.from(list));
      const whole = norm(one.expected.gradients.map(norm));
      one.expected.gradients.forEach((expected, i) => {
        const actual = grads[variables[i]!.name]!.dataSync();
        t.is(actual.length, expected.length);
        const distance = norm(expected.map((value, j) => value - actual[j]!));
        t.true(distance <= 1e-4 * (norm(expected) + 0.01 * whole), `weight ${i}: off by ${distance}`);
      });
      tf.dispose([values as Record<string, tf.Scalar>, grads]);
    },
  );
}

test.serial('a trainer takes clips, and leaves no tensor behind', (t) => {
  const model = network(1);
  const trainer = new GainTrainer(model, { link: 'softmax' });
  const batch = batchOf({ imageSeed: 3, labels: [[0], [1]], maskPairs: [[0, 0]] });
  const position = { epoch: 0, epochs: 1, batchLength: 0.5 };
  trainer.trainOnBatch(batch, position);
  const before = tf.memory().numTensors;
  const { losses, images } = trainer.trainOnBatch(batch, position);
  t.is(tf.memory().numTensors, before);
  t.is(images, 2);
  t.deepEqual(Object.keys(losses), ['total', 'classification', 'mining', 'supervision']);
  trainer.dispose();
});

test.serial('what clips cannot have is said', (t) => {
  const model = network(1);
  const batch = batchOf({ imageSeed: 3, labels: [[0], [1]], maskPairs: [[0, 0]] });
  const box = { sample: 0, class: 0, xmin: 0, ymin: 0, xmax: 1, ymax: 1 };
  t.throws(() => gainLoss(model, { ...batch, boxes: [box] }), {
    instanceOf: UsageError,
    message: /^batch.boxes: a box does not say when/,
  });
  t.throws(() => gainLoss(model, { ...batch, masks: tf.zeros([1, size, size]) as tf.Tensor3D }), {
    instanceOf: UsageError,
    message: /^batch.masks: must have shape \[M,T,H,W\] of clips, had \[1,8,8\]$/,
  });
  const terms = guidanceTerms({ energy: { weight: 1 } }).map((term) => ({ ...term, weight: 1 }));
  t.throws(() => gainLoss(model, batch, { terms }), {
    instanceOf: UsageError,
    message: /^guided terms: expected images \[B,H,W,c\], received \[2,4,8,8,3\]/,
  });
});
