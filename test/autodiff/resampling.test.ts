import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import {
  gaussianBlur,
  interpolationMatrix,
  separableProduct,
  upsampleBilinear,
} from '../../src/autodiff/index.ts';
import { startTestEngine } from './reference.ts';

test.before(startTestEngine);

test('two samples become four at half-pixel centres', (t) => {
  // Targets lie at -0.25, 0.25, 0.75, 1.25 between the samples 0 and 1; the ends are held.
  t.deepEqual(Array.from(interpolationMatrix(2, 4)), [1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1]);
});

test('shrinking takes the two nearest samples', (t) => {
  t.deepEqual(Array.from(interpolationMatrix(4, 2)), [0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5]);
});

test('equal sizes leave the samples as they are, one sample fills everything', (t) => {
  t.deepEqual(Array.from(interpolationMatrix(3, 3)), [1, 0, 0, 0, 1, 0, 0, 0, 1]);
  t.deepEqual(Array.from(interpolationMatrix(1, 3)), [1, 1, 1]);
});

test('a map is interpolated along both axes', (t) => {
  const map = tf.tensor3d([
    [
      [0, 4],
      [8, 12],
    ],
  ]);
  t.deepEqual(upsampleBilinear(map, [2, 4]).arraySync(), [
    [
      [0, 1, 3, 4],
      [8, 9, 11, 12],
    ],
  ]);
});

test('each target pixel hands its gradient back in the shares it was made of', (t) => {
  const map = tf.tensor3d([[[0, 4]]]);
  const dy = tf.tensor3d([[[1, 10, 100, 1000]]]);
  const gradient = tf.grad((x: tf.Tensor) => upsampleBilinear(x as tf.Tensor3D, [1, 4]))(map, dy);
  t.deepEqual(gradient.arraySync(), [[[1 + 7.5 + 25, 2.5 + 75 + 1000]]]);
});

test('separableProduct multiplies each matrix from both sides', (t) => {
  const maps = tf.tensor3d([[[1, 2]], [[3, 4]]]);
  const product = separableProduct(maps, tf.tensor2d([[2], [3]]), tf.tensor2d([[1, 1]]));
  t.deepEqual(product.arraySync(), [
    [[6], [9]],
    [[14], [21]],
  ]);
});

test('a point becomes a Gaussian bell, what falls off the edge goes to the rest, channels stay apart', (t) => {
  const image = new Float32Array(9 * 9 * 2);
  image[(4 * 9 + 4) * 2] = 1;
  const bell = (d: number) => Math.exp(-(d * d) / 2);
  const sumAt = (at: number) => [0, 1, 2, 3, 4, 5, 6, 7, 8].reduce((sum, j) => sum + bell(at - j), 0);
  const blurred = gaussianBlur(tf.tensor4d(image, [1, 9, 9, 2]), 1).dataSync();
  for (let y = 0; y < 9; y++) {
    for (let x = 0; x < 9; x++) {
      const expected = (bell(y - 4) * bell(x - 4)) / (sumAt(y) * sumAt(x));
      t.true(Math.abs(blurred[(y * 9 + x) * 2]! - expected) < 1e-7, `at ${y}, ${x}`);
      t.is(blurred[(y * 9 + x) * 2 + 1], 0);
    }
  }
  const constant = gaussianBlur(tf.fill([2, 2, 6, 1], 3), 0.7).dataSync();
  t.true(constant.every((value) => Math.abs(value - 3) < 1e-6));
});
