import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import '@tensorflow/tfjs-backend-cpu';
import { readdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import test from 'ava';
import '../../src/autodiff/index.ts';

const x = tf.tensor2d([
  [1, 2],
  [3, 4],
]);
const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

test('every method that the full package of tfjs has is there', async (t) => {
  const core = dirname(createRequire(import.meta.url).resolve('@tensorflow/tfjs-core/package.json'));
  const files = await readdir(join(core, 'dist/public/chained_ops'));
  const names = files
    .map((file) => /^(?!register_all|.*_test)(.*)\.d\.ts$/.exec(file)?.[1])
    .filter((name) => name !== undefined)
    .map((name) => name.replaceAll('_', '').toLowerCase());
  t.true(names.length > 100);
  const methods = new Set(Object.getOwnPropertyNames(tf.Tensor.prototype).map((name) => name.toLowerCase()));
  t.deepEqual(
    names.filter((name) => !methods.has(name)),
    [],
  );
});

test('a method is the op with the tensor as its first argument', (t) => {
  t.deepEqual(values(x.sum(0)), [4, 6]);
  t.deepEqual(values(x.mul(2).sub(1)), [1, 3, 5, 7]);
  t.deepEqual(values(x.matMul(x, false, true)), [5, 11, 11, 25]);
  t.deepEqual(values(x.clipByValue(2, 3)), [2, 2, 3, 3]);
});

test('methods that are more than their op', (t) => {
  t.deepEqual(x.flatten().shape, [4]);
  t.deepEqual(x.as1D().shape, [4]);
  t.deepEqual(x.as3D(2, 1, 2).shape, [2, 1, 2]);
  t.deepEqual(x.reshapeAs(tf.zeros([4, 1])).shape, [4, 1]);
  t.deepEqual(x.sum().asScalar().shape, []);
  t.is(x.toInt().dtype, 'int32');
  t.is(x.toBool().dtype, 'bool');
  t.is(x.toInt().toFloat().dtype, 'float32');
  t.is(x.asType('int32').dtype, 'int32');
  t.deepEqual(values(x.concat(x, 1)), [1, 2, 1, 2, 3, 4, 3, 4]);
  t.deepEqual(x.concat([x, x], 0).shape, [6, 2]);
  t.deepEqual(x.stack(x, 0).shape, [2, 2, 2]);
  t.deepEqual(values(x.where(tf.greater(x, 2), tf.zerosLike(x))), [0, 0, 3, 4]);
  const image = tf.reshape(x, [1, 2, 2, 1]) as tf.Tensor4D;
  t.deepEqual(image.resizeBilinear([4, 4]).shape, [1, 4, 4, 1]);
  t.deepEqual(values(image.resizeNearestNeighbor([1, 1])), [1]);
});

test('layers and gradients of tfjs that call the methods work', (t) => {
  const lstm = tfl.sequential({ layers: [tfl.layers.lstm({ units: 3, inputShape: [4, 2] })] });
  t.deepEqual((lstm.predict(tf.ones([1, 4, 2])) as tf.Tensor).shape, [1, 3]);
  const gradient = tf.grad((a: tf.Tensor) => tf.prod(a))(tf.tensor1d([2, 3, 4]));
  t.deepEqual(values(gradient), [12, 8, 6]);
});
