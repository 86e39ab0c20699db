import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { enableHigherOrderGradients, withoutGradient } from '../../src/autodiff/index.ts';
import { draw, startTestEngine } from './reference.ts';

test.before(async () => {
  await startTestEngine();
  enableHigherOrderGradients();
});

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
const near = (actual: number[], expected: number[]) =>
  actual.length === expected.length &&
  actual.every((value, index) => Math.abs(value - expected[index]!) < 1e-5);

test.serial('enabling twice changes nothing', (t) => {
  const engine = tf.engine();
  const { customGrad, runKernel } = engine;
  const relu = tf.getGradient(tf.Relu);
  enableHigherOrderGradients();
  t.is(engine.customGrad, customGrad);
  t.is(engine.runKernel, runKernel);
  t.is(tf.getGradient(tf.Relu), relu);
});

test.serial('gradients that a later import of tfjs put back are replaced again', (t) => {
  const ours = tf.getGradient(tf.Sigmoid);
  tf.registerGradient({
    kernelName: tf.Sigmoid,
    outputsToSave: [true],
    gradFunc: (dy, [y]) => ({ x: () => tf.mul(dy as tf.Tensor, tf.mul(y!, tf.sub(1, y!))) }),
  });
  t.not(tf.getGradient(tf.Sigmoid), ours);
  enableHigherOrderGradients();
  t.is(tf.getGradient(tf.Sigmoid), ours);
});

test.serial('integer and boolean tensors inside the function do not disturb the gradient', (t) => {
  const x = tf.tensor2d([
    [0.5, 2, 1],
    [3, 0.1, -1],
  ]);
  const gradient = tf.grad((z: tf.Tensor) => {
    const winner = tf.argMax(z, 1);
    const isWinner = tf.equal(tf.expandDims(winner, 1), tf.range(0, 3, 1, 'int32'));
    const rounded = withoutGradient(() => tf.maximum(tf.cast(z, 'int32'), tf.scalar(1, 'int32')));
    return tf.sum(tf.mul(tf.where(isWinner, tf.square(z), z), rounded));
  });
  // 2z at the winners, 1 elsewhere, times max(trunc z, 1).
  t.deepEqual(values(gradient(x)), [1, 8, 1, 18, 1, 1]);
});

test.serial('the slopes of max pooling go to the first of equal elements, in both orders', (t) => {
  const x = tf.tensor4d([1, 1, 1, 1, 2, 0, 0, 2], [1, 2, 4, 1]);
  const pooled = (z: tf.Tensor) => tf.sum(tf.pow(tf.maxPool(z as tf.Tensor4D, 2, 2, 'valid'), 3));
  t.deepEqual(values(tf.grad(pooled)(x)), [0, 0, 0, 0, 12, 0, 0, 12]);
  const slope = (z: tf.Tensor) => tf.sum(tf.mul(tf.grad(pooled)(z), tf.reshape(tf.range(1, 9), z.shape)));
  // The second derivative of y³ is 6 y, at the places of the maxima, times their weights 5 and 8.
  t.deepEqual(values(tf.grad(slope)(x)), [0, 0, 0, 0, 60, 0, 0, 96]);
});

test.serial('dropout with a seed drops the same elements in the second derivative', (t) => {
  const x = draw([4, 6], 1);
  const kept = tf.dropout(tf.onesLike(x), 0.5, undefined, 3);
  const cube = (z: tf.Tensor) => tf.sum(tf.pow(tf.dropout(z, 0.5, undefined, 3), 3));
  const second = tf.grad((z: tf.Tensor) => tf.sum(tf.grad(cube)(z)))(x);
  t.true(near(values(second), values(tf.mul(tf.mul(x, 6), tf.pow(kept, 3)))));
  t.true(values(kept).includes(0) && values(kept).includes(2));
});

test.serial('a dropout layer without a seed uses one mask for the function and its derivatives', (t) => {
  const x = draw([4, 6], 1);
  const layer = tfl.layers.dropout({ rate: 0.5 });
  const gradient = tf.grad((z: tf.Tensor) => {
    const slope = tf.grad((inner: tf.Tensor) =>
      tf.sum(tf.square(layer.apply(inner, { training: true }) as tf.Tensor)),
    )(z);
    return tf.sum(tf.square(slope));
  })(x);
  // (2 m² x)² has the derivative 8 m⁴ x, with m² either 0 or 4.
  const ratios = values(tf.div(gradient, x)).map((ratio) => Math.round(ratio));
  t.deepEqual([...new Set(ratios)].sort(), [0, 128]);
});

test.serial('a model of tf.layers trains, with a dilated convolution, which stock tfjs cannot', async (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        inputShape: [8, 8, 1],
        filters: 4,
        kernelSize: 3,
        dilationRate: 2,
        activation: 'relu',
        kernelInitializer: tfl.initializers.heNormal({ seed: 1 }),
      }),
      tfl.layers.batchNormalization({}),
      tfl.layers.maxPooling2d({ poolSize: 2 }),
      tfl.layers.flatten(),
      tfl.layers.dense({
        units: 2,
        activation: 'softmax',
        kernelInitializer: tfl.initializers.heNormal({ seed: 2 }),
      }),
    ],
  });
  model.compile({ optimizer: tf.train.sgd(0.1), loss: 'categoricalCrossentropy' });
  const labels = tf.cast(tf.oneHot(tf.tensor1d([0, 1, 0, 1, 1, 0, 1, 0], 'int32'), 2), 'float32');
  const images = tf.add(draw([8, 8, 8, 1], 5), tf.reshape(tf.slice(labels, [0, 1], [8, 1]), [8, 1, 1, 1]));
  const { history } = await model.fit(images, labels, { epochs: 8, verbose: 0, shuffle: false });
  const losses = history.loss as number[];
  t.true(losses.at(-1)! < 0.5 * losses[0]!, `losses ${losses}`);
});

test.serial('steps of second order leave no tensor behind', (t) => {
  const filter = tf.variable(draw([3, 3, 2, 3], 1));
  const images = draw([2, 6, 6, 2], 2) as tf.Tensor4D;
  const step = () =>
    tf.tidy(() => {
      const { grads } = tf.variableGrads(() => {
        const a = tf.conv2d(images, filter as tf.Tensor4D, 1, 'same');
        const slope = tf.grad((x: tf.Tensor) =>
          tf.sum(tf.softmax(tf.max(tf.maxPool(tf.elu(x) as tf.Tensor4D, 3, 2, 'same'), [1, 2]))),
        )(a);
        return tf.sum(tf.square(tf.sub(slope, tf.sigmoid(a))));
      });
      filter.assign(tf.sub(filter, tf.mul(grads[filter.name]!, 0.1)));
    });
  step();
  const before = tf.memory().numTensors;
  for (let index = 0; index < 5; index++) step();
  t.is(tf.memory().numTensors, before);
});
