import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { type Case, sameAsCpu } from './compare.ts';

type Four = tf.Tensor4D;

const conv = (x: tf.Tensor, w: tf.Tensor): Four => tf.conv2d(x as Four, w as Four, 1, 'same');

/** Batch normalisation as a training step writes it: composed, with the statistics of the batch. */
function normalized(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor): tf.Tensor {
  const { mean, variance } = tf.moments(x, [0, 1, 2]);
  const scale = tf.mul(tf.rsqrt(tf.add(variance, 1e-3)), gamma);
  return tf.add(tf.mul(tf.sub(x, tf.reshape(mean, [1, 1, 1, -1])), scale), beta);
}

const image = [3, 6, 4, 3];
const first = { shape: [3, 3, 3, 16], scale: 0.3 };
const inner = { shape: [3, 3, 16, 16], scale: 0.1 };
const vector = { shape: [16], scale: 0.3, shift: 1 };

test('batch normalisation in training, with a relu and a residual sum', (t) => {
  const run: Case['run'] = (x, w, v, gamma, beta) => {
    const h = tf.relu(normalized(conv(x!, w!), gamma!, beta!));
    return tf.relu(tf.add(normalized(conv(h, v!), beta!, gamma!), h));
  };
  sameAsCpu(t, { name: 'residual', inputs: [image, first, inner, vector, vector], run, tolerance: 3e-4 });
});

test('batch normalisation with relu6 before depthwise convolutions', (t) => {
  for (const [stride, pad] of [
    [1, 'same'],
    [2, 'same'],
    [2, 'valid'],
  ] as const) {
    // relu6 as tfjs has it, and as tf.layers writes it.
    for (const relu6 of [tf.relu6, (x: tf.Tensor) => tf.minimum(6, tf.relu(x))]) {
      const run: Case['run'] = (x, w, d, gamma, beta) => {
        const h = relu6(tf.mul(normalized(conv(x!, w!), gamma!, beta!), 5));
        return normalized(tf.depthwiseConv2d(h as Four, d as Four, stride, pad), beta!, gamma!);
      };
      const inputs = [image, first, [3, 3, 16, 1], vector, vector];
      sameAsCpu(t, { name: `depthwise ${stride} ${pad}`, inputs, run, tolerance: 1e-3 });
    }
  }
});

test('batch normalisation by moving averages', (t) => {
  const run: Case['run'] = (x, w, mean, variance, gamma) => {
    const h = tf.batchNorm(
      conv(x!, w!),
      mean as tf.Tensor1D,
      tf.abs(variance!) as tf.Tensor1D,
      mean as tf.Tensor1D,
      gamma as tf.Tensor1D,
    );
    return [tf.relu(h), tf.add(h, 1)];
  };
  sameAsCpu(t, { name: 'inference', inputs: [image, first, vector, vector, vector], run, tolerance: 3e-4 });
});

test('sums of images with numbers per channel: order, sign, sharing, one number for all', (t) => {
  const cases: Record<string, (x: tf.Tensor, y: tf.Tensor, c: tf.Tensor) => tf.Tensor | tf.Tensor[]> = {
    'c - x': (x, _, c) => tf.sub(c, x),
    '-x + c': (x, _, c) => tf.add(tf.neg(x), c),
    'x - c y': (x, y, c) => tf.sub(x, tf.mul(c, y)),
    'c x - y': (x, y, c) => tf.sub(tf.mul(x, c), y),
    'x - x c': (x, _, c) => tf.sub(x, tf.mul(x, c)),
    'x + y + c': (x, y, c) => tf.add(tf.add(x, y), c),
    'relu(x + y)': (x, y) => tf.relu(tf.add(x, y)),
    'relu(c x + y + 1)': (x, y, c) => tf.relu(tf.add(tf.add(tf.mul(x, c), y), 1)),
    '2 x + 3 y - 1': (x, y) => tf.sub(tf.add(tf.mul(x, 2), tf.mul(y, 3)), 1),
    'five terms': (x, y, c) =>
      tf.addN([x, tf.mul(y, c), tf.square(x), tf.square(y), tf.mul(x, y), tf.abs(x)]),
    'read twice': (x, y, c) => {
      const sum = tf.add(tf.mul(x, c), y);
      return [sum, tf.relu(sum), tf.mul(sum, 2)];
    },
    'mean of a sum': (x, y, c) => tf.mean(tf.add(tf.add(tf.mul(x, c), y), c), [0, 1, 2]),
    'sum of a sum, kept': (x, y, c) => tf.sum(tf.sub(tf.mul(x, c), y), [0, 1, 2], true),
    'sum of a product': (x, y, c) => tf.sum(tf.mul(tf.mul(x, c), y), [0, 1, 2]),
    'mean of a product of sums': (x, y, c) => tf.mean(tf.mul(tf.add(x, c), tf.sub(y, c)), [0, 1, 2], true),
    'mean of a square': (x, _, c) => tf.mean(tf.square(tf.mul(x, c)), [0, 1, 2]),
    'sum over positions only': (x, y, c) => tf.sum(tf.mul(tf.mul(x, y), c), [1, 2]),
  };
  for (const [name, make] of Object.entries(cases)) {
    // The sums of the inputs are there for the gradient, which wants all inputs to be used.
    const run: Case['run'] = (x, w, v, c) => [
      ...[make(conv(x!, w!), conv(x!, v!), c!)].flat(),
      ...[x, w, v, c].map((input) => tf.sum(input!)),
    ];
    sameAsCpu(t, { name, inputs: [image, first, first, vector], run, tolerance: 3e-4 });
  }
});
