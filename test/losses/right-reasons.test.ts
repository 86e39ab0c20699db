import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import test from 'ava';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { normalizeMaps } from '../../src/gradcam/index.ts';
import {
  cappedLoss,
  inputGradientPenalty,
  irrelevantAttention,
  logProbabilitySums,
  maskDistance,
  misplacedEnergy,
  pixelCrossEntropy,
} from '../../src/losses/index.ts';
import { numbers } from '../gain/reference-net.ts';

interface Reference {
  losses: Record<string, { value: number; gradient: number[] }>;
}
const reference: Reference = JSON.parse(
  readFileSync(new URL('../fixtures/right-reasons.json', import.meta.url), 'utf8'),
);

enableHigherOrderGradients();

const drawn = <T extends tf.Tensor>(seed: number, shape: number[], scale = 1) =>
  tf.tensor(
    numbers(seed, tf.util.sizeFromShape(shape)).map((v) => v * scale),
    shape,
  ) as T;

const maps = tf.relu(drawn<tf.Tensor3D>(61, [3, 6, 5]));
const unit = normalizeMaps(maps, 'max');
const signed = drawn<tf.Tensor3D>(62, [3, 6, 5]);
const oneDead = tf.mul<tf.Tensor3D>(maps, tf.tensor3d([1, 0, 1], [3, 1, 1]));
const masks = tf.cast<tf.Tensor3D>(tf.greater(drawn(63, [3, 6, 5]), 0), 'float32');
const gradients = drawn<tf.Tensor4D>(64, [3, 6, 5, 3]);
const logits = drawn<tf.Tensor2D>(65, [4, 5], 8);
const weights = tf.tensor1d([1, 0, 0.5]);

type Maps = tf.Tensor3D;
/** [what is differentiated, the loss of it] under the name that the reference gives it. */
const losses: Record<string, [tf.Tensor, (x: never) => tf.Scalar]> = {
  RRR: [gradients, (x: tf.Tensor4D) => inputGradientPenalty(x, masks)],
  'RRR, mean over pixels, weighted': [
    gradients,
    (x: tf.Tensor4D) => inputGradientPenalty(x, masks, { pixels: 'mean', weights }),
  ],
  'RRR, sum over images': [gradients, (x: tf.Tensor4D) => inputGradientPenalty(x, masks, { total: 1 })],
  'irrelevant attention': [maps, (x: Maps) => irrelevantAttention(x, masks)],
  'irrelevant attention, mean over pixels, weighted': [
    maps,
    (x: Maps) => irrelevantAttention(x, masks, { pixels: 'mean', weights }),
  ],
  'irrelevant attention, sum over images': [maps, (x: Maps) => irrelevantAttention(x, masks, { total: 1 })],
  energy: [maps, (x: Maps) => misplacedEnergy(x, masks)],
  'energy, negative values': [signed, (x: Maps) => misplacedEnergy(x, masks, { weights })],
  'energy, one dead map': [oneDead, (x: Maps) => misplacedEnergy(x, masks)],
  'pixel cross-entropy': [unit, (x: Maps) => pixelCrossEntropy(x, masks)],
  'pixel cross-entropy, a high floor, weighted': [
    unit,
    (x: Maps) => pixelCrossEntropy(x, masks, { floor: 0.3, weights }),
  ],
  'pixel cross-entropy, one dead map': [oneDead, (x: Maps) => pixelCrossEntropy(x, masks)],
  L1: [unit, (x: Maps) => maskDistance(x, masks)],
  'L1, weighted, over the batch': [unit, (x: Maps) => maskDistance(x, masks, { weights, total: 3 })],
  'log-probabilities, softmax': [
    logits,
    (x: tf.Tensor2D) => tf.sum(logProbabilitySums(x, 'softmax')) as tf.Scalar,
  ],
  'log-probabilities, sigmoid': [
    logits,
    (x: tf.Tensor2D) => tf.sum(logProbabilitySums(x, 'sigmoid')) as tf.Scalar,
  ],
};

test('every loss of the reference is tested', (t) => {
  t.deepEqual(Object.keys(losses).sort(), Object.keys(reference.losses).sort());
});

for (const [name, [x, loss]] of Object.entries(losses)) {
  test(`equals PyTorch, value and gradient: ${name}`, (t) => {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x as never))(x);
    const expected = reference.losses[name]!;
    const pairs = [
      [value.dataSync()[0]!, expected.value],
      ...Array.from(grad.dataSync(), (g, i) => [g, expected.gradient[i]!]),
    ];
    t.is(grad.size, expected.gradient.length);
    for (const [actual, wanted] of pairs as [number, number][]) {
      t.true(Math.abs(actual - wanted) <= 1e-6 + 1e-4 * Math.abs(wanted), `${actual}, expected ${wanted}`);
    }
  });
}

test('by hand: a map of 3 on the object and 1 beside it', (t) => {
  const map = tf.tensor3d([3, 1], [1, 1, 2]);
  const object = tf.tensor3d([1, 0], [1, 1, 2]);
  const confounder = tf.sub<tf.Tensor3D>(1, object);
  const half = tf.div<tf.Tensor3D>(map, 3);
  const values = [
    misplacedEnergy(map, object),
    irrelevantAttention(map, confounder),
    maskDistance(half, object),
    pixelCrossEntropy(tf.tensor3d([Math.exp(-2), 0.1], [1, 1, 2]), object),
    inputGradientPenalty(tf.tensor4d([5, 6, 3, 4], [1, 1, 2, 2]), confounder),
  ].map((value) => value.dataSync()[0]!);
  const expected = [0.25, 1, 1 / 6, 2, 25];
  values.forEach((value, i) => {
    t.true(Math.abs(value - expected[i]!) < 1e-6, `${i}: ${value}`);
  });
});

test('dead maps, no gradient and empty masks: finite losses, and gradients of zero', (t) => {
  const zeros = tf.zeros<tf.Rank.R3>([3, 6, 5]);
  const cases: [string, tf.Tensor, (x: never) => tf.Scalar, number][] = [
    ['energy', zeros, (x: Maps) => misplacedEnergy(x, masks), 1],
    ['irrelevant', zeros, (x: Maps) => irrelevantAttention(x, masks), 0],
    ['cross-entropy', zeros, (x: Maps) => pixelCrossEntropy(x, masks), -Math.log(1e-6)],
    ['cross-entropy, empty', maps, (x: Maps) => pixelCrossEntropy(x, zeros), 0],
    ['rrr', tf.zeros([3, 6, 5, 3]), (x: tf.Tensor4D) => inputGradientPenalty(x, masks), 0],
    ['rrr, empty', gradients, (x: tf.Tensor4D) => inputGradientPenalty(x, zeros), 0],
    ['nobody counts', maps, (x: Maps) => misplacedEnergy(x, masks, { weights: tf.zeros([3]) }), 0],
  ];
  for (const [name, x, loss, expected] of cases) {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => loss(x as never))(x);
    t.true(Math.abs(value.dataSync()[0]! - expected) < 1e-4, `${name}: ${value.dataSync()[0]}`);
    t.true(
      grad.dataSync().every((g) => Math.abs(g) === 0),
      name,
    );
  }
});

test('a map that lies where it should: energy, cross-entropy, L1 and the penalties are 0', (t) => {
  for (const loss of [misplacedEnergy, pixelCrossEntropy, maskDistance]) {
    t.true(Math.abs(loss(masks, masks).dataSync()[0]!) < 1e-6, loss.name);
  }
  t.is(irrelevantAttention(masks, tf.sub(1, masks)).dataSync()[0], 0);
});

test('a capped loss passes what is below the ceiling, and is a constant above it', (t) => {
  const slopes = [2, 5].map((ceiling) => {
    const { value, grad } = tf.valueAndGrad((x: tf.Tensor) => cappedLoss(tf.square(x) as tf.Scalar, ceiling))(
      tf.scalar(2),
    );
    return [value.dataSync()[0], grad.dataSync()[0]];
  });
  t.deepEqual(slopes, [
    [2, 0],
    [4, 4],
  ]);
});

test('masks of another shape are refused', (t) => {
  const wrong = tf.zeros<tf.Rank.R3>([3, 5, 6]);
  for (const loss of [misplacedEnergy, irrelevantAttention, pixelCrossEntropy, maskDistance]) {
    t.throws(() => loss(maps, wrong), {
      name: 'UsageError',
      message: /\[3,6,5\] of the maps, had \[3,5,6\]/,
    });
  }
  t.throws(() => inputGradientPenalty(gradients, wrong), { name: 'UsageError' });
});
