import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import test from 'ava';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import {
  counterfactual,
  crossEntropies,
  influencePenalty,
  logOdds,
  oneHotRows,
  robustGradientPenalty,
  signedEvidence,
  sufficiency,
  weightedMean,
} from '../../src/losses/index.ts';
import { numbers } from '../gain/reference-net.ts';

interface Reference {
  losses: Record<string, { value: number; gradient: number[] }>;
}
const reference: Reference = JSON.parse(
  readFileSync(new URL('../fixtures/cures.json', import.meta.url), 'utf8'),
);

enableHigherOrderGradients();

const drawn = <T extends tf.Tensor>(seed: number, shape: number[], scale = 1) =>
  tf.tensor(
    numbers(seed, tf.util.sizeFromShape(shape)).map((v) => v * scale),
    shape,
  ) as T;

const z = drawn<tf.Tensor2D>(81, [4, 5], 8);
const maps = drawn<tf.Tensor3D>(82, [3, 6, 5]);
const [first, second, third] = [83, 84, 85].map((seed) => drawn<tf.Tensor4D>(seed, [3, 6, 5, 3]));
const irrelevant = tf.cast<tf.Tensor3D>(tf.greater(drawn(63, [3, 6, 5]), 0), 'float32');
const weights = tf.tensor1d([1, 0, 0.5]);
const four = tf.tensor1d([1, 0.5, 0, 2]);
const classes = [1, 0, 4, 2];
const several = tf.tensor2d([1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 1], [4, 5]);

type Logits = tf.Tensor2D;
type Gradients = tf.Tensor4D;
/** [what is differentiated, the loss of it] under the name that the reference gives it. */
const losses: Record<string, [tf.Tensor, (x: never) => tf.Scalar]> = {
  'counterfactual, sigmoid': [z, (x: Logits) => counterfactual(x, classes)],
  'counterfactual, softmax, weighted': [
    z,
    (x: Logits) => counterfactual(x, classes, { link: 'softmax', weights: four }),
  ],
  'sufficiency, sigmoid, weighted': [z, (x: Logits) => sufficiency(x, classes, { weights: four })],
  'sufficiency, softmax': [z, (x: Logits) => sufficiency(x, classes, { link: 'softmax' })],
  signed: [maps, (x: tf.Tensor3D) => signedEvidence(x, irrelevant)],
  'signed, squares, mean over pixels, weighted': [
    maps,
    (x: tf.Tensor3D) => signedEvidence(x, irrelevant, { norm: 'l2', pixels: 'mean', weights }),
  ],
  'R4 of three neighbours': [
    second!,
    (x: Gradients) => robustGradientPenalty([first!, x, third!], irrelevant),
  ],
  'R4, weighted, over the batch': [
    first!,
    (x: Gradients) => robustGradientPenalty([x, second!], irrelevant, { weights, total: 3 }),
  ],
  RBR: [first!, (x: Gradients) => influencePenalty(x, second!, irrelevant)],
  'RBR, sum, weighted': [
    second!,
    (x: Gradients) => influencePenalty(first!, x, irrelevant, { weights, total: 1 }),
  ],
  'cross-entropies, softmax': [
    z,
    (x: Logits) => weightedMean(crossEntropies(x, oneHotRows(classes, 5), 'softmax'), { weights: four }),
  ],
  'cross-entropies, sigmoid': [
    z,
    (x: Logits) => weightedMean(crossEntropies(x, several, 'sigmoid'), { weights: four }),
  ],
};

test('every loss of the reference is tested', (t) => {
  t.deepEqual(Object.keys(losses).sort(), Object.keys(reference.losses).sort());
});

for (const [name, [x, loss]] of Object.entries(losses)) {
  test(`equals PyTorch, value and gradient: ${name}`, (t) => {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x as never))(x);
    const expected = reference.losses[name]!;
    t.is(grad.size, expected.gradient.length);
    const pairs = [
      [value.dataSync()[0]!, expected.value],
      ...Array.from(grad.dataSync(), (g, i) => [g, expected.gradient[i]!]),
    ];
    for (const [actual, wanted] of pairs as [number, number][]) {
      t.true(Math.abs(actual - wanted) <= 1e-6 + 1e-4 * Math.abs(wanted), `${actual}, expected ${wanted}`);
    }
  });
}

test('log-odds by hand, and finite, value and gradient, for logits of ±300', (t) => {
  const even = tf.tensor2d([0, 0, Math.log(6)], [1, 3]);
  t.true(Math.abs(logOdds(even, [2], 'softmax').dataSync()[0]! - Math.log(3)) < 1e-6);
  t.true(Math.abs(logOdds(even, [2], 'sigmoid').dataSync()[0]! - Math.log(6)) < 1e-6);
  const extreme = tf.tensor2d([300, -300, 0, -300, 300, 0], [2, 3]);
  for (const link of ['softmax', 'sigmoid'] as const) {
    for (const loss of [counterfactual, sufficiency]) {
      const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x as tf.Tensor2D, [0, 0], { link }))(
        extreme,
      );
      // One of the two is certain and right, the other certain and wrong, by 300 at least.
      t.true(value.dataSync()[0]! >= 149 && value.dataSync()[0]! < 400, `${loss.name} ${link}`);
      t.true(grad.dataSync().every(Number.isFinite), `${loss.name} ${link}`);
    }
  }
});

test('evidence on the object costs nothing, off it both signs cost the same', (t) => {
  const off = tf.tensor3d([1, 1, 0], [1, 1, 3]);
  const cost = (...values: [number, number, number]) =>
    signedEvidence(tf.tensor3d(values, [1, 1, 3]), off).dataSync()[0];
  t.is(cost(0, 0, 9), 0);
  t.is(cost(2, 0, 0), 2);
  t.is(cost(-2, 0, 0), 2);
  t.is(cost(2, -2, 0), 4);
});

test('what is all zero, or weighs nothing, is 0 with a gradient of 0', (t) => {
  const still = tf.zeros<tf.Rank.R4>([3, 6, 5, 3]);
  const none = tf.zeros<tf.Rank.R1>([3]);
  const cases: [tf.Tensor, (x: never) => tf.Scalar][] = [
    [tf.zeros([3, 6, 5]), (x: tf.Tensor3D) => signedEvidence(x, irrelevant)],
    [still, (x: Gradients) => robustGradientPenalty([x, still], irrelevant)],
    [still, (x: Gradients) => influencePenalty(x, first!, irrelevant)],
    [first!, (x: Gradients) => robustGradientPenalty([x], irrelevant, { weights: none })],
    [z, (x: Logits) => counterfactual(x, classes, { weights: tf.zeros([4]) })],
  ];
  for (const [x, loss] of cases) {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x as never))(x);
    t.is(value.dataSync()[0], 0);
    t.true(grad.dataSync().every((g) => Math.abs(g) === 0));
  }
});

test('numbers and shapes that do not fit are refused', (t) => {
  t.throws(() => counterfactual(z, [1]), { name: 'UsageError', message: /one per image \(4\), were 1/ });
  t.throws(() => sufficiency(z, [1, 0, 4, 5]), { message: /class index 5 \(row 3\)/ });
  const wrong = tf.zeros<tf.Rank.R3>([3, 5, 6]);
  t.throws(() => signedEvidence(maps, wrong), { message: /\[3,6,5\] of the maps, had \[3,5,6\]/ });
  t.throws(() => robustGradientPenalty([first!], wrong), { name: 'UsageError' });
  t.throws(() => robustGradientPenalty([], irrelevant), { message: /at least one neighbour, were none/ });
  t.throws(() => influencePenalty(first!, first!, wrong), { name: 'UsageError' });
});
