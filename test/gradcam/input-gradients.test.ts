import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-backend-cpu';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { inputGradients } from '../../src/gradcam/index.ts';

const ofClass = (c: number) => (logits: tf.Tensor2D) =>
  tf.reshape(tf.slice(logits, [0, c], [-1, 1]), [-1]) as tf.Tensor1D;

function linear(weights: number[][]): tfl.LayersModel {
  const model = tfl.sequential({
    layers: [
      tfl.layers.flatten({ inputShape: [1, 2, 1] }),
      tfl.layers.dense({ units: 2, useBias: false, activation: 'softmax' }),
    ],
  });
  model.setWeights([tf.tensor2d(weights)]);
  return model;
}

test('of a linear network: the weights of the class, its softmax left out', (t) => {
  const model = linear([
    [3, 1],
    [-2, 5],
  ]);
  const images = tf.tensor4d([0.1, 0.2, 0.3, 0.4], [2, 1, 2, 1]);
  const before = tf.memory().numTensors;
  const gradients = inputGradients(model, images, ofClass(0));
  t.is(tf.memory().numTensors, before + 1);
  t.deepEqual(gradients.shape, [2, 1, 2, 1]);
  t.deepEqual([...gradients.dataSync()], [3, -2, 3, -2]);
});

test('differentiable again: the slope of the squared input gradient is twice the weights, through max pooling', (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.maxPooling2d({ poolSize: 2, inputShape: [2, 2, 1] }),
      tfl.layers.flatten({}),
      tfl.layers.dense({ units: 1, useBias: false }),
    ],
  });
  model.setWeights([tf.tensor2d([3], [1, 1])]);
  const images = tf.tensor4d([1, 4, 2, 3], [1, 2, 2, 1]);
  t.deepEqual([...inputGradients(model, images, ofClass(0)).dataSync()], [0, 3, 0, 0]);
  const { value, grads } = tf.variableGrads(() =>
    tf.sum(tf.square(inputGradients(model, images, ofClass(0)))),
  );
  t.is(value.dataSync()[0], 9);
  t.deepEqual(
    Object.values(grads).map((grad) => [...grad.dataSync()]),
    [[6]],
  );
});

test('an image input that does not exist is refused', (t) => {
  const images = tf.zeros<tf.Rank.R4>([1, 1, 2, 1]);
  const model = linear([
    [1, 0],
    [0, 1],
  ]);
  t.throws(() => inputGradients(model, images, ofClass(0), { imageInput: 1 }), {
    name: 'UsageError',
    message: /imageInput: must be below the number of inputs \(1\), was 1/,
  });
});
