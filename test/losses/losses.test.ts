import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import test from 'ava';
import {
  attentionMining,
  attentionSupervision,
  oneHotRows,
  sigmoidCrossEntropy,
  softmaxCrossEntropy,
  weightedMean,
} from '../../src/losses/index.ts';
import { numbers } from '../gain/reference-net.ts';

interface Reference {
  losses: Record<string, { value: number; gradient: number[] }>;
}
const reference: Reference = JSON.parse(
  readFileSync(new URL('../fixtures/gain.json', import.meta.url), 'utf8'),
);

const LOGITS = tf.tensor2d(
  numbers(31, 20).map((v) => v * 8),
  [4, 5],
);
const INDEX = oneHotRows([1, 4, 0, 2], 5);
const HOT = tf.tensor2d(
  numbers(32, 20).map((v) => Number(v > 0.1)),
  [4, 5],
);
const CLASS_WEIGHTS = numbers(33, 5).map((v) => v + 1);
const POSITIVE_WEIGHTS = numbers(34, 5).map((v) => v + 1.5);

const FUNCTIONS: Record<string, (logits: tf.Tensor2D) => tf.Scalar> = {
  softmax: (z) => softmaxCrossEntropy(z, INDEX),
  'softmax, smoothed and weighted': (z) =>
    softmaxCrossEntropy(z, INDEX, { labelSmoothing: 0.1, classWeights: CLASS_WEIGHTS }),
  'softmax, several labels': (z) => softmaxCrossEntropy(z, HOT),
  sigmoid: (z) => sigmoidCrossEntropy(z, HOT),
  'sigmoid, class weights': (z) => sigmoidCrossEntropy(z, HOT, { classWeights: CLASS_WEIGHTS }),
  'sigmoid, positive weights': (z) => sigmoidCrossEntropy(z, HOT, { positiveWeights: POSITIVE_WEIGHTS }),
  'sigmoid, smoothed': (z) => sigmoidCrossEntropy(z, HOT, { labelSmoothing: 0.2 }),
};

function close(t: import('ava').ExecutionContext, actual: ArrayLike<number>, expected: ArrayLike<number>) {
  t.is(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    t.true(Math.abs(a - e) <= 1e-6 + 1e-5 * Math.abs(e), `element ${i}: ${a}, expected ${e}`);
  }
}

for (const [name, loss] of Object.entries(FUNCTIONS)) {
  test(`cross-entropy equals PyTorch, value and gradient: ${name}`, (t) => {
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => loss(z as tf.Tensor2D))(LOGITS);
    const expected = reference.losses[name]!;
    close(t, value.dataSync(), [expected.value]);
    close(t, grad.dataSync(), expected.gradient);
  });
}

test('cross-entropies stay finite, value and gradient, for logits of ±200', (t) => {
  const extreme = tf.tensor2d([200, -200, -200, 200], [2, 2]);
  const wrong = tf.tensor2d([0, 1, 1, 0], [2, 2]);
  for (const [loss, expected] of [
    [softmaxCrossEntropy, 400],
    [sigmoidCrossEntropy, 200],
  ] as const) {
    const { value, grad } = tf.valueAndGrad((z: tf.Tensor) => loss(z as tf.Tensor2D, wrong))(extreme);
    close(t, value.dataSync(), [expected]);
    t.true(grad.dataSync().every(Number.isFinite));
  }
});

test('softmax cross-entropy: a row without labels weighs nothing, a batch of such rows is 0 without NaN', (t) => {
  const z = tf.tensor2d([1, 2, 3, 4], [2, 2]);
  close(t, softmaxCrossEntropy(z, tf.tensor2d([0, 1, 0, 0], [2, 2])).dataSync(), [
    Math.log(1 + Math.exp(-1)),
  ]);
  const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
    softmaxCrossEntropy(x as tf.Tensor2D, tf.zeros([2, 2]), { labelSmoothing: 0.1 }),
  )(z);
  close(t, value.dataSync(), [0]);
  close(t, grad.dataSync(), [0, 0, 0, 0]);
});

test('cross-entropies refuse labels of another shape, weights of another length, smoothing outside [0, 1)', (t) => {
  const z = tf.zeros([2, 3]) as tf.Tensor2D;
  t.throws(() => softmaxCrossEntropy(z, tf.zeros([2, 2])), { message: /\[2,3\], had \[2,2\]/ });
  t.throws(() => sigmoidCrossEntropy(z, tf.zeros([2, 3]), { positiveWeights: [1, 2] }), {
    message: /positiveWeights: must have one number per class \(3\), had 2/,
  });
  t.throws(() => sigmoidCrossEntropy(z, tf.zeros([2, 3]), { labelSmoothing: 1 }), { message: /was 1/ });
  t.throws(() => oneHotRows([0, 3], 3), { message: 'class index 3 (row 1): must be an integer from 0 to 2' });
});

test('cross-entropies leave out what weighs nothing, and are divided by the weights or the given total', (t) => {
  const z = tf.tensor2d([0, Math.log(3), Math.log(7), 0], [2, 2]);
  const y = tf.tensor2d([0, 1, 0, 1], [2, 2]);
  // softplus by hand: the first row costs log 2 and log(4/3), the second log 8 and log 2.
  const [a, b, c, d] = [Math.log(2), Math.log(4 / 3), Math.log(8), Math.log(2)];
  close(t, sigmoidCrossEntropy(z, y).dataSync(), [(a + b + c + d) / 4]);
  const some = tf.tensor2d([1, 0.5, 0, 1], [2, 2]);
  close(t, sigmoidCrossEntropy(z, y, { weights: some }).dataSync(), [(a + b / 2 + d) / 2.5]);
  close(t, sigmoidCrossEntropy(z, y, { weights: some, total: 4 }).dataSync(), [(a + b / 2 + d) / 4]);
  close(t, sigmoidCrossEntropy(z, y, { total: 2 }).dataSync(), [(a + b + c + d) / 2]);
  close(t, sigmoidCrossEntropy(z, y, { weights: tf.tensor1d([0, 3]) }).dataSync(), [(c + d) / 2]);
  // Softmax: the rows cost log(4/3) and log 8.
  close(t, softmaxCrossEntropy(z, y, { weights: tf.tensor1d([3, 1]) }).dataSync(), [(3 * b + c) / 4]);
  close(t, softmaxCrossEntropy(z, y, { weights: tf.tensor1d([3, 1]), total: 2 }).dataSync(), [
    (3 * b + c) / 2,
  ]);
  close(t, softmaxCrossEntropy(z, y, { weights: tf.tensor2d([9, 1, 9, 0], [2, 2]) }).dataSync(), [b]);
  for (const loss of [sigmoidCrossEntropy, softmaxCrossEntropy]) {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) =>
      loss(x as tf.Tensor2D, y, { weights: tf.zeros<tf.Rank.R1>([2]) }),
    )(z);
    close(t, value.dataSync(), [0]);
    close(t, grad.dataSync(), [0, 0, 0, 0]);
    t.throws(() => loss(z, y, { weights: tf.ones<tf.Rank.R1>([3]) }), {
      message: /\[2\] or \[2,2\], had \[3\]/,
    });
  }
});

test('weightedMean divides by the sum of the weights, or by the given total', (t) => {
  const values = tf.tensor1d([1, 2, 6]);
  const weights = tf.tensor1d([1, 0.5, 0.5]);
  t.is(weightedMean(values, { weights }).dataSync()[0], 2.5);
  t.is(weightedMean(values, { weights, total: 4 }).dataSync()[0], 1.25);
});

test('a mean under weights that are all zero is 0 and has a zero gradient', (t) => {
  const none = tf.tensor1d([0, 0]);
  const losses: [tf.Tensor, (x: tf.Tensor) => tf.Scalar][] = [
    [tf.tensor1d([3, 4]), (x) => weightedMean(x as tf.Tensor1D, { weights: none })],
    [tf.tensor1d([3, 4]), (x) => weightedMean(x as tf.Tensor1D, { weights: none, total: 0 })],
    [tf.ones([2, 2]), (x) => attentionMining(x as tf.Tensor2D, [0, 1], { weights: none })],
    [
      tf.ones([2, 1, 1]),
      (x) => attentionSupervision(x as tf.Tensor3D, tf.zeros([2, 1, 1]), { weights: none }),
    ],
  ];
  for (const [x, loss] of losses) {
    const { value, grad } = tf.valueAndGrad(loss)(x);
    t.is(value.dataSync()[0], 0);
    t.true(grad.dataSync().every((v) => v === 0));
  }
});

test('attention mining takes each pair by its own class, weighted: probability of the link, or the logit', (t) => {
  const z = tf.tensor2d([0, Math.log(3), Math.log(3), 0], [2, 2]);
  const weights = tf.tensor1d([1, 0.5]);
  const mining = (options: Parameters<typeof attentionMining>[2]) =>
    attentionMining(z, [1, 1], { weights, ...options }).dataSync();
  close(t, mining({ link: 'softmax' }), [(0.75 + 0.5 * 0.25) / 1.5]);
  close(t, mining({ link: 'sigmoid' }), [(0.75 + 0.5 * 0.5) / 1.5]);
  close(t, mining({ score: 'logit' }), [Math.log(3) / 1.5]);
  close(
    t,
    attentionMining(z, [1, 1], { weights: tf.tensor1d([1, 0]), link: 'softmax', total: 3 }).dataSync(),
    [0.25],
  );
  t.throws(() => attentionMining(z, [1]), { message: /one per masked image \(2\), were 1/ });
});

test('attention supervision is the mean (or sum) of squared distances over the pixels of the weighted pairs', (t) => {
  const maps = tf.tensor3d([1, 0.5, 0, 0, 9, 9, 9, 9], [2, 2, 2]);
  const masks = tf.tensor3d([0, 0, 0, 1, 0, 0, 0, 0], [2, 2, 2]);
  const onlyFirst = tf.tensor1d([1, 0]);
  close(t, attentionSupervision(maps, masks, { weights: onlyFirst }).dataSync(), [2.25 / 4]);
  close(t, attentionSupervision(maps, masks, { weights: onlyFirst, pixels: 'sum', total: 2 }).dataSync(), [
    2.25 / 2,
  ]);
  t.throws(() => attentionSupervision(maps, tf.zeros([2, 3, 3])), {
    message: /\[2,2,2\], had \[2,3,3\]/,
  });
});
