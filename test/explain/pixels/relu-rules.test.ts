import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { deconvolution, gradientMaps, guidedBackpropagation } from '../../../src/explain/pixels/index.ts';
import { GeneralReLU, TensorOp } from '../../../src/models/layers/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';

test.before(startTestEngine);

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

/** s = Σ_i v_i ReLU(x_i): v is what comes back to the ReLU, x what went forward. */
const x = [1, 1, -1, -1, 7];
const v = [2, -2, 2, -2, 2];

/** The same network, its ReLU written in different ways. */
function network(relu: tfl.layers.Layer[]): tfl.Sequential {
  const model = tfl.sequential();
  model.add(tfl.layers.inputLayer({ inputShape: [1, 5, 1] }));
  for (const layer of relu) model.add(layer);
  model.add(tfl.layers.flatten());
  const out = tfl.layers.dense({ units: 1, useBias: false });
  model.add(out);
  out.setWeights([tf.tensor2d(v, [5, 1])]);
  return model;
}

/** A 1×1 convolution that is the identity. */
function convolution(activation: 'relu' | 'relu6' | 'linear'): tfl.layers.Layer {
  return tfl.layers.conv2d({ filters: 1, kernelSize: 1, activation, kernelInitializer: 'ones' });
}

const nested = (): tfl.Sequential => {
  const inner = tfl.sequential({ name: 'inner' });
  inner.add(tfl.layers.inputLayer({ inputShape: [1, 5, 1] }));
  inner.add(tfl.layers.activation({ activation: 'relu' }));
  return inner;
};

const forms: [string, () => tfl.layers.Layer[]][] = [
  ['the activation of a convolution', () => [convolution('relu')]],
  [
    'the activation of a depthwise convolution',
    () => [tfl.layers.depthwiseConv2d({ kernelSize: 1, activation: 'relu', depthwiseInitializer: 'ones' })],
  ],
  ['an Activation layer', () => [convolution('linear'), tfl.layers.activation({ activation: 'relu' })]],
  ['a ReLU layer', () => [tfl.layers.reLU({})]],
  ['a nested model', () => [nested()]],
  ['GeneralReLU', () => [new GeneralReLU({ name: 'relu' })]],
  [
    'an imported Clip',
    () => [new TensorOp({ name: 'clip', operation: 'clip', attributes: { min: 0, max: null } })],
  ],
];

for (const [form, relu] of forms) {
  test(`the three rules of a ReLU: ${form}`, (t) => {
    const model = network(relu());
    const images = tf.tensor4d(x, [1, 1, 5, 1]);
    const before = values(model.predict(images) as tf.Tensor);
    const pairs = [{ sample: 0, class: 0 }];
    const explained = (method: typeof deconvolution) =>
      values(method(model, images, pairs)).map((value) => value + 0);
    t.deepEqual(explained(gradientMaps), [2, -2, 0, 0, 2], 'R where x > 0');
    t.deepEqual(explained(deconvolution), [2, 0, 2, 0, 2], 'R where R > 0');
    t.deepEqual(explained(guidedBackpropagation), [2, 0, 0, 0, 2], 'R where both are');
    t.deepEqual(values(model.predict(images) as tf.Tensor), before, 'the model is as it was');
  });
}

test('a ReLU with a ceiling passes nothing above it, except in the deconvolution network', (t) => {
  const six = tfl.layers.reLU({ maxValue: 6 });
  for (const relu of [[convolution('relu6')], [tfl.layers.activation({ activation: 'relu6' })], [six]]) {
    const model = network(relu);
    const images = tf.tensor4d(x, [1, 1, 5, 1]);
    const pairs = [{ sample: 0, class: 0 }];
    const explained = (method: typeof deconvolution) =>
      values(method(model, images, pairs)).map((value) => value + 0);
    t.deepEqual(explained(gradientMaps), [2, -2, 0, 0, 0]);
    t.deepEqual(explained(deconvolution), [2, 0, 2, 0, 2]);
    t.deepEqual(explained(guidedBackpropagation), [2, 0, 0, 0, 0]);
  }
});

test('other activations keep their derivative under every rule', (t) => {
  for (const layer of [
    tfl.layers.activation({ activation: 'tanh' }),
    tfl.layers.leakyReLU({ alpha: 0.5 }),
    tfl.layers.elu(),
  ]) {
    const model = network([layer]);
    const images = tf.tensor4d(x, [1, 1, 5, 1]);
    const pairs = [{ sample: 0, class: 0 }];
    const gradient = values(gradientMaps(model, images, pairs));
    t.true(gradient.some((value) => value < 0));
    t.deepEqual(values(guidedBackpropagation(model, images, pairs)), gradient);
    t.deepEqual(values(deconvolution(model, images, pairs)), gradient);
  }
});

test('max pooling sends back what comes to the place of the maximum, and nothing to the others', (t) => {
  const model = tfl.sequential();
  model.add(tfl.layers.maxPooling2d({ inputShape: [2, 4, 1], poolSize: 2 }));
  model.add(tfl.layers.flatten());
  const out = tfl.layers.dense({ units: 1, useBias: false });
  model.add(out);
  out.setWeights([tf.tensor2d([3, -5], [2, 1])]);
  const images = tf.tensor4d([1, 9, 2, 4, 8, 3, 7, 5], [1, 2, 4, 1]);
  const pixels = deconvolution(model, images, [{ sample: 0, class: 0 }]);
  t.deepEqual(
    values(pixels).map((value) => value + 0),
    [0, 3, 0, 0, 0, 0, -5, 0],
  );
});
