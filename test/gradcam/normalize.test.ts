import * as tf from '@tensorflow/tfjs-core';
import test, { type ExecutionContext } from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import { deadMaps, normalizations, normalizeMaps, softMask, upsampleMaps } from '../../src/gradcam/index.ts';
import { startTestEngine } from './engine.ts';
import { numbers, reference, tensorOf } from './reference-network.ts';

test.before(startTestEngine);

function close(
  t: ExecutionContext,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-5,
) {
  const scale = Math.max(1, ...Array.from(expected, Math.abs));
  t.is(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    t.true(Math.abs(actual[i]! - expected[i]!) <= tolerance * scale, `${i}: ${actual[i]} for ${expected[i]}`);
  }
}

/** Three maps 4x3, the first with its largest value in two places. */
function tiedMaps(): tf.Tensor3D {
  const values = numbers(21, 36).map((value) => Math.max(0, value));
  values[0] = 0.75;
  values[11] = 0.75;
  return tf.tensor3d(values, [3, 4, 3]);
}

for (const { mode, maps, grad, second } of reference.normalization) {
  test(`${mode}: value, gradient and second-order gradient equal PyTorch's, ties included`, (t) => {
    const form = tensorOf(9, [3, 4, 3]);
    const gradient = tf.grad((x: tf.Tensor) => tf.sum(tf.mul(form, tf.square(normalizeMaps(x, mode)))));
    const x = tiedMaps();
    close(t, normalizeMaps(x, mode).dataSync(), maps);
    close(t, gradient(x).dataSync(), grad);
    close(
      t,
      tf
        .grad((y: tf.Tensor) => tf.sum(tf.square(gradient(y))))(x)
        .dataSync(),
      second,
      1e-4,
    );
  });
}

test('each map is normalised by itself, not over the batch', (t) => {
  const maps = tf.tensor3d([0, 1, 2, 4, 0, 100, 200, 400], [2, 2, 2]);
  close(t, normalizeMaps(maps).dataSync(), [0, 0.25, 0.5, 1, 0, 0.25, 0.5, 1]);
});

test('a dead map gives zeros with a gradient of zero, and leaves its neighbours as they are', (t) => {
  const maps = tf.tensor3d([0, 0, 0, 0, 1, 2, 3, 5], [2, 1, 4]);
  for (const mode of normalizations) {
    const loss = (x: tf.Tensor) => tf.sum(tf.square(normalizeMaps(x, mode)));
    const normal = normalizeMaps(maps, mode).dataSync();
    const first = tf.grad(loss)(maps).dataSync();
    const second = tf
      .grad((x: tf.Tensor) => tf.sum(tf.square(tf.grad(loss)(x))))(maps)
      .dataSync();
    for (const values of [normal, first, second]) {
      t.deepEqual(Array.from(values.slice(0, 4), Math.abs), [0, 0, 0, 0], mode);
      t.true(values.every(Number.isFinite), mode);
    }
    t.true(
      normal.slice(4).some((value) => value > 0),
      mode,
    );
  }
  close(t, normalizeMaps(tf.fill([1, 2, 2], 3)).dataSync(), [0, 0, 0, 0]);
});

test('tiny maps are normalised and not called dead', (t) => {
  const tiny = tf.tensor3d([0, 1e-8, 2e-8, 4e-8], [1, 2, 2]);
  close(t, normalizeMaps(tiny).dataSync(), [0, 0.25, 0.5, 1]);
  t.deepEqual(Array.from(deadMaps(tiny).dataSync()), [0]);
});

test('deadMaps marks the maps of one value', (t) => {
  const maps = tf.tensor3d([0, 0, 1, 2, 3, 3], [3, 1, 2]);
  t.deepEqual(Array.from(deadMaps(maps).dataSync()), [1, 0, 1]);
  t.deepEqual(deadMaps(tf.zeros([0, 2, 2])).shape, [0]);
  t.deepEqual(normalizeMaps(tf.zeros([0, 2, 2])).shape, [0, 2, 2]);
});

test('an unknown normalisation is refused', (t) => {
  t.throws(() => normalizeMaps(tf.zeros([1, 1, 1]), 'minmax' as 'max'), {
    instanceOf: UsageError,
    message: 'normalization: expected one of min-max, max, l2, none, received "minmax"',
  });
});

test('softMask is 1 / (1 + exp(-omega (A - sigma)))', (t) => {
  const maps = tf.tensor3d([0, 0.5, 1], [1, 1, 3]);
  const expected = [0, 0.5, 1].map((value) => 1 / (1 + Math.exp(-10 * (value - 0.5))));
  close(t, softMask(maps).dataSync(), expected);
  const steep = [0, 0.5, 1].map((value) => 1 / (1 + Math.exp(-4 * (value - 0.25))));
  close(t, softMask(maps, { sigma: 0.25, omega: 4 }).dataSync(), steep);
});

test("upsampleMaps resizes volumes like PyTorch's trilinear interpolation", (t) => {
  const volume = tensorOf(23, [2, 2, 3, 2]);
  close(t, upsampleMaps(volume, [3, 5, 4]).dataSync(), reference.trilinear);
  t.deepEqual(upsampleMaps(tf.ones([2, 3, 3]), [7, 5]).shape, [2, 7, 5]);
  t.throws(() => upsampleMaps(tf.ones([2, 3, 3]), [7, 5, 4]), {
    instanceOf: UsageError,
    message:
      'size: expected [H, W] for maps [P, h, w], or [D, H, W] for maps [P, d, h, w], received [7, 5, 4] for maps [2, 3, 3]',
  });
});
