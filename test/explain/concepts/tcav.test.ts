import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { UsageError } from '../../../src/errors/index.ts';
import { separate, tcav } from '../../../src/explain/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { numbers } from '../../gradcam/reference-network.ts';

test.before(startTestEngine);

test('the plane between two sets is where the derivative of the regularised likelihood is 0', (t) => {
  const [size, n, m, ridge] = [7, 6, 5, 0.3];
  const first = Float32Array.from(numbers(3, n * size), (value) => value + 0.1);
  const second = Float32Array.from(numbers(5, m * size));
  const { direction, offset, accuracy } = separate(first, second, size, ridge);
  t.true(Math.abs(Math.hypot(...direction) - 1) < 1e-12);
  // w = r · direction: λ w = Σ (t − p) x and Σ (t − p) = 0 hold for one r, found by its own equation.
  const rows = [
    ...Array.from({ length: n }, (_, i) => [first, i, 1] as const),
    ...Array.from({ length: m }, (_, i) => [second, i, 0] as const),
  ];
  const residuals = (r: number) => {
    const sum = new Float64Array(size + 1);
    let right = 0;
    for (const [set, i, label] of rows) {
      let margin = offset;
      for (let k = 0; k < size; k++) margin += direction[k]! * set[i * size + k]!;
      right += Number(margin > 0 === (label === 1));
      const p = 1 / (1 + Math.exp(-r * margin));
      for (let k = 0; k < size; k++) sum[k]! += (label - p) * set[i * size + k]!;
      sum[size]! += label - p;
    }
    return { sum, right };
  };
  let [low, high] = [0, 1e3];
  for (let step = 0; step < 200; step++) {
    const r = (low + high) / 2;
    const along = direction.reduce((sum, d, k) => sum + d * residuals(r).sum[k]!, 0);
    if (along > ridge * r) low = r;
    else high = r;
  }
  const { sum, right } = residuals(low);
  for (let k = 0; k < size; k++) t.true(Math.abs(sum[k]! - ridge * low * direction[k]!) < 1e-5, `${k}`);
  t.true(Math.abs(sum[size]!) < 1e-5);
  t.is(accuracy, right / (n + m));
  t.throws(() => separate(first, new Float32Array(0), size), { instanceOf: UsageError });
});

/** Two 1x1 filters, red and green; class 0 is raised by red alone, class 1 by green. */
function colours(): tfl.Sequential {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        name: 'colours',
        inputShape: [4, 4, 3],
        filters: 2,
        kernelSize: 1,
        activation: 'relu',
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  model.setWeights([
    tf.tensor4d([1, 0, 0, 1, 0, 0], [1, 1, 3, 2]),
    tf.zeros([2]),
    tf.tensor2d([2, -1, -1, 2], [2, 2]),
    tf.zeros([2]),
  ]);
  return model;
}

const noisy = (count: number, seed: number, color: readonly [number, number, number]) =>
  tf.tensor4d(
    numbers(seed, count * 48).map((value, i) => color[i % 3]! + 0.3 * value),
    [count, 4, 4, 3],
  );

test('a concept that raises a class has a score of 1, the other class 0; random sets say what chance gives', async (t) => {
  const model = colours();
  const live = tf.memory().numTensors;
  const red = noisy(8, 1, [0.9, 0.3, 0.3]);
  const others = [11, 12, 13, 14].map((seed) => noisy(8, seed, [0.3, 0.3, 0.3]));
  const images = noisy(5, 21, [0.5, 0.5, 0.5]);
  const found = await tcav(model, images, 0, red, others, { targetLayer: 'colours', batchSize: 3 });
  t.deepEqual(found.scores, [1, 1, 1, 1]);
  t.is(found.score, 1);
  t.deepEqual(found.accuracies, [1, 1, 1, 1]);
  t.is(found.chance.length, 6);
  t.true(found.p !== null && found.p > 0 && found.p <= 1);
  const against = await tcav(model, images, 1, red, others.slice(0, 1), { targetLayer: 'colours' });
  t.deepEqual([against.score, against.p], [0, null]);
  tf.dispose([red, images, ...others]);
  t.is(tf.memory().numTensors, live);
  await t.throwsAsync(
    tcav(model, noisy(1, 1, [0, 0, 0]), 2, noisy(1, 2, [1, 0, 0]), [noisy(1, 3, [0, 0, 0])]),
    {
      instanceOf: UsageError,
      message: 'label: expected a class from 0 to 1, received 2',
    },
  );
});
