import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import test from 'ava';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import {
  attentionL1,
  attentionTransfer,
  classAttentionTransfer,
  explanationDistance,
  explanationSimilarity,
  softTargets,
  spatialAttention,
  toGrid,
} from '../../src/losses/index.ts';
import { numbers } from '../gain/reference-net.ts';

interface Reference {
  terms: Record<string, { value: number; gradient: number[] }>;
}
const reference: Reference = JSON.parse(
  readFileSync(new URL('../fixtures/distillation.json', import.meta.url), 'utf8'),
);

enableHigherOrderGradients();

const drawn = <T extends tf.Tensor>(seed: number, shape: number[], scale = 1) =>
  tf.tensor(
    numbers(seed, tf.util.sizeFromShape(shape)).map((v) => v * scale),
    shape,
  ) as T;
const positive = (seed: number, shape: number[]) => tf.relu(drawn<tf.Tensor3D>(seed, shape));

const [s, t] = [drawn<tf.Tensor2D>(41, [4, 5], 8), drawn<tf.Tensor2D>(42, [4, 5], 8)];
const [maps, finer, coarser] = [positive(43, [3, 6, 5]), positive(44, [3, 9, 10]), positive(45, [3, 4, 3])];
const oneDead = tf.mul<tf.Tensor3D>(maps, tf.tensor3d([1, 0, 1], [3, 1, 1]));
const weights = tf.tensor1d([1, 0, 0.5]);
const [a, b] = [drawn<tf.Tensor4D>(46, [2, 6, 6, 4]), drawn<tf.Tensor4D>(47, [2, 4, 4, 7])];
const [c, d] = [drawn<tf.Tensor4D>(48, [2, 5, 5, 3]), drawn<tf.Tensor4D>(49, [2, 8, 8, 3])];

/** [the student's tensor, the term of it] under the name that the reference gives it. */
const terms: Record<string, [tf.Tensor, (x: never) => tf.Scalar]> = {
  'soft targets at 4': [s, (x: tf.Tensor2D) => softTargets(x, t)],
  'soft targets at 1': [s, (x: tf.Tensor2D) => softTargets(x, t, { temperature: 1 })],
  'soft targets, sigmoid': [s, (x: tf.Tensor2D) => softTargets(x, t, { temperature: 2, link: 'sigmoid' })],
  'distance to finer maps': [maps, (x: tf.Tensor3D) => explanationDistance(x, finer)],
  'distance to coarser maps, mean, weighted': [
    maps,
    (x: tf.Tensor3D) => explanationDistance(x, coarser, { pixels: 'mean', weights }),
  ],
  'similarity to finer maps': [maps, (x: tf.Tensor3D) => explanationSimilarity(x, finer)],
  'similarity to coarser maps, weighted': [
    maps,
    (x: tf.Tensor3D) => explanationSimilarity(x, coarser, { weights }),
  ],
  'similarity with one dead map': [oneDead, (x: tf.Tensor3D) => explanationSimilarity(x, finer)],
  'L1 to finer maps': [maps, (x: tf.Tensor3D) => attentionL1(x, finer)],
  'L1 to coarser maps, weighted': [maps, (x: tf.Tensor3D) => attentionL1(x, coarser, { weights })],
  'attention transfer': [a, (x: tf.Tensor4D) => attentionTransfer(x, b)],
  'attention transfer, mean square': [
    a,
    (x: tf.Tensor4D) => attentionTransfer(x, b, { form: 'mean-square' }),
  ],
  'attention transfer to the larger': [b, (x: tf.Tensor4D) => attentionTransfer(x, a)],
  'class attention transfer': [c, (x: tf.Tensor4D) => classAttentionTransfer(x, d)],
  'class attention transfer, 3 cells': [d, (x: tf.Tensor4D) => classAttentionTransfer(x, c, { cells: 3 })],
};

function close(t: import('ava').ExecutionContext, actual: ArrayLike<number>, expected: ArrayLike<number>) {
  t.is(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    t.true(Math.abs(a - e) <= 1e-6 + 1e-4 * Math.abs(e), `element ${i}: ${a}, expected ${e}`);
  }
}

test('every term of the reference is tested', (t) => {
  t.deepEqual(Object.keys(terms).sort(), Object.keys(reference.terms).sort());
});

for (const [name, [x, term]] of Object.entries(terms)) {
  test(`equals PyTorch, value and gradient: ${name}`, (t) => {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => term(x as never))(x);
    const expected = reference.terms[name]!;
    close(t, value.dataSync(), [expected.value]);
    // A dead map has no gradient here; PyTorch divides by its epsilon there.
    const gradient = grad.dataSync();
    const live = name.includes('dead')
      ? Float32Array.from(expected.gradient, (g, i) => (i >= 30 && i < 60 ? 0 : g))
      : expected.gradient;
    close(t, gradient, live);
  });
}

test('each term is zero, and its gradient finite, when the student is the teacher', (t) => {
  const same: [tf.Tensor, (x: never, y: never) => tf.Scalar][] = [
    [s, softTargets],
    [maps, explanationDistance],
    [maps, explanationSimilarity],
    [maps, attentionL1],
    [a, attentionTransfer],
    [c, classAttentionTransfer],
  ];
  for (const [x, term] of same) {
    const { value, grad } = tf.valueAndGrad((y: tf.Tensor) => term(y as never, x as never))(x);
    t.true(Math.abs(value.dataSync()[0]!) < 1e-6, `${term.name}: ${value.dataSync()[0]}`);
    t.true(grad.dataSync().every(Number.isFinite), term.name);
  }
});

test('maps of zeros on both sides agree, and pass no gradient', (t) => {
  const zeros = tf.zeros<tf.Rank.R3>([2, 3, 3]);
  for (const term of [explanationDistance, explanationSimilarity, attentionL1]) {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => term(x as tf.Tensor3D, zeros))(zeros);
    t.is(value.dataSync()[0], 0, term.name);
    t.true(
      grad.dataSync().every((g) => g === 0),
      term.name,
    );
  }
});

test('every term takes weights and a total: two items of three, one at half, divided by 4', (t) => {
  const half = { weights: tf.tensor1d([1, 0, 0.5]), total: 4 };
  const three: [tf.Tensor, tf.Tensor, (x: never, y: never, options?: object) => tf.Scalar][] = [
    [drawn(50, [3, 5], 8), drawn(51, [3, 5], 8), softTargets],
    [maps, finer, explanationDistance],
    [maps, finer, explanationSimilarity],
    [maps, finer, attentionL1],
    [drawn(52, [3, 6, 6, 4]), drawn(53, [3, 6, 6, 4]), attentionTransfer],
    [drawn(54, [3, 6, 6, 4]), drawn(55, [3, 6, 6, 4]), classAttentionTransfer],
  ];
  for (const [x, y, term] of three) {
    const alone = (row: number) => {
      const [a, b] = [x, y].map((one) => tf.slice(one, row, 1));
      return term(a as never, b as never).dataSync()[0]!;
    };
    const whole = term(x as never, y as never, half).dataSync()[0]!;
    close(t, [whole], [(alone(0) + alone(2) / 2) / 4]);
  }
});

test('the attention of activations is their sum of squares over the channels', (t) => {
  const q = spatialAttention(tf.tensor4d([1, 2, -3, 0], [1, 1, 2, 2]));
  t.deepEqual(q.arraySync(), [[[5, 9]]]);
});

test('a finer map is averaged over the cells of the coarser grid, a coarser one interpolated', (t) => {
  t.deepEqual(toGrid(tf.tensor3d([1, 3, 5, 7], [1, 2, 2]), [1, 1]).arraySync(), [[[4]]]);
  t.deepEqual(toGrid(tf.tensor3d([2, 6], [1, 1, 2]), [1, 4]).arraySync(), [[[2, 3, 5, 6]]]);
  // Each axis by itself: two rows become one, two columns four.
  t.deepEqual(toGrid(tf.tensor3d([0, 0, 4, 12], [1, 2, 2]), [1, 4]).arraySync(), [[[2, 3, 5, 6]]]);
});

test('shapes and options that do not fit are refused by name', (t) => {
  t.throws(() => softTargets(s, tf.zeros([4, 3])), { message: /\[4,5\], had \[4,3\]/ });
  t.throws(() => softTargets(s, s, { temperature: 0 }), { message: /temperature: .* above 0, was 0/ });
  t.throws(() => classAttentionTransfer(c, tf.zeros([2, 5, 5, 4])), { message: /\[2,h,w,3\].*\[2,5,5,4\]/ });
  t.throws(() => classAttentionTransfer(c, d, { cells: 6 }), { message: /cells: .*5x5\), was 6/ });
});
