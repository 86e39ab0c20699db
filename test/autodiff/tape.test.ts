import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { enableHigherOrderGradients, withoutGradient } from '../../src/autodiff/index.ts';
import { startTestEngine } from './reference.ts';

test.before(async () => {
  await startTestEngine();
  enableHigherOrderGradients();
});

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
const cube = (x: tf.Tensor) => tf.sum(tf.mul(x, tf.square(x)));

test('to the outer gradient, what withoutGradient returns is a constant', (t) => {
  const gradient = tf.grad((x: tf.Tensor) =>
    tf.sum(
      tf.mul(
        x,
        withoutGradient(() => tf.square(x)),
      ),
    ),
  );
  // d/dx of x · c with c = x² held fixed is x², not 3 x².
  t.deepEqual(values(gradient(tf.tensor1d([1, 2, 3]))), [1, 4, 9]);
});

test('a tensor from outside that is handed through is a constant as well', (t) => {
  const gradient = tf.grad((x: tf.Tensor) => {
    const held = withoutGradient(() => ({ direct: x, list: [tf.add(x, 1)] }));
    return tf.sum(tf.mul(x, tf.mul(held.direct, held.list[0]!)));
  });
  t.deepEqual(values(gradient(tf.tensor1d([1, 2, 3]))), [2, 6, 12]);
});

test('inside, gradients work on their own, while the outer tape goes on', (t) => {
  const gradient = tf.grad((x: tf.Tensor) => {
    const y = tf.square(x);
    const { value, grad } = withoutGradient(() => tf.valueAndGrad(cube)(x));
    return tf.add(tf.sum(tf.mul(y, grad)), value);
  });
  // d/dx of x² · c with c = 3 x² held fixed is 2 x c = 6 x³.
  t.deepEqual(values(gradient(tf.tensor1d([1, 2]))), [6, 48]);
});

test('inside, a gradient may be taken of a gradient', (t) => {
  const x = tf.tensor1d([1, 2]);
  const outer = tf.grad((y: tf.Tensor) => {
    const second = withoutGradient(() => tf.grad((z: tf.Tensor) => tf.sum(tf.grad(cube)(z)))(x));
    return tf.sum(tf.mul(y, second));
  });
  t.deepEqual(values(outer(x)), [6, 12]);
});

test('it works within a custom gradient, where the engine records nothing', (t) => {
  const op = tf.customGrad((x) => {
    const slope = withoutGradient(() => tf.grad(cube)(x as tf.Tensor));
    return { value: slope, gradFunc: (dy) => tf.mul(dy, 2) };
  });
  t.deepEqual(values(op(tf.tensor1d([1, 2]))), [3, 12]);
});

test('after an exception the outer gradient is right and nothing leaks', (t) => {
  const x = tf.tensor1d([1, 2]);
  const before = tf.memory().numTensors;
  const gradient = tf.tidy(() =>
    values(
      tf.grad((z: tf.Tensor) => {
        const y = tf.square(z);
        t.throws(
          () =>
            withoutGradient(() =>
              tf.grad((inner: tf.Tensor) => {
                tf.exp(tf.square(inner));
                throw new Error('no value');
              })(z),
            ),
          { message: 'no value' },
        );
        return tf.sum(tf.mul(y, z));
      })(x),
    ),
  );
  t.deepEqual(gradient, [3, 12]);
  t.is(tf.memory().numTensors, before);
});

test('only the result survives, in and out of a gradient', (t) => {
  const x = tf.tensor1d([1, 2]);
  const before = tf.memory().numTensors;
  const result = withoutGradient(() => tf.exp(tf.square(tf.add(x, 1))));
  t.is(tf.memory().numTensors, before + 1);
  result.dispose();
  const outer = tf.grad((z: tf.Tensor) =>
    tf.sum(
      tf.mul(
        z,
        withoutGradient(() => tf.grad(cube)(z)),
      ),
    ),
  );
  outer(x).dispose();
  t.is(tf.memory().numTensors, before);
});
