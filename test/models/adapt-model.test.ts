import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import {
  buildModel,
  describeModel,
  freezeLayers,
  loadLayersModel,
  toLogits,
  withInputScaling,
  withInputSize,
  withNewHead,
} from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

test.before(() => startTestEngine());

const shared = fileURLToPath(new URL('../../../shared/data/models/', import.meta.url));
const withShared = existsSync(shared) ? test.serial : test.skip;

const predict = (model: tfl.LayersModel, x: tf.Tensor) => (model.predict(x) as tf.Tensor).dataSync();

function assertClose(
  t: { true(ok: boolean, message: string): void },
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
): void {
  for (let i = 0; i < expected.length; i++) {
    t.true(
      Math.abs(actual[i]! - expected[i]!) < 1e-5 * Math.max(1, Math.abs(expected[i]!)),
      `${i}: ${actual[i]}, expected ${expected[i]}`,
    );
  }
}

test.serial(
  'a new head goes on the layer that was named; the features are the same, the original is untouched',
  (t) => {
    const original = buildModel('small-cnn', {
      inputShape: [8, 8, 3],
      classes: 5,
      widths: [4, 6, 8],
      norm: 'batch',
    });
    const x = tf.randomUniform([2, 8, 8, 3], 0, 1, 'float32', 1);
    const before = predict(original, x).slice();
    const model = withNewHead(original, {
      classes: 3,
      from: 'conv2_1_relu',
      head: 'hidden',
      hiddenUnits: [7, 6],
      dropout: 0.25,
      seed: 9,
    });
    t.deepEqual(model.layers.map(({ name }) => name).slice(-8), [
      'conv2_1_relu',
      'flatten',
      'dropout1',
      'hidden1',
      'dropout2',
      'hidden2',
      'dropout',
      'logits',
    ]);
    t.deepEqual(model.outputs[0]!.shape, [null, 3]);
    const features = (m: tfl.LayersModel) =>
      predict(
        tfl.model({ inputs: m.inputs, outputs: m.getLayer('conv2_1_relu').output as tfl.SymbolicTensor }),
        x,
      );
    t.deepEqual(features(model), features(original));
    model.getLayer('conv1_1').setWeights(
      model
        .getLayer('conv1_1')
        .getWeights()
        .map((w) => tf.zerosLike(w)),
    );
    t.deepEqual(predict(original, x), before);
    model.dispose();
    t.deepEqual(predict(original, x), before, 'disposing the one leaves the other');
    const again = withNewHead(original, { classes: 2 });
    t.deepEqual(again.outputs[0]!.shape, [null, 2], 'a classifier loses its last layer');
    t.deepEqual(again.layers.map(({ name }) => name).slice(-2), [original.layers.at(-2)!.name, 'logits']);
    t.throws(() => withNewHead(original, { classes: 2, from: 'conv2_1_rellu' }), {
      instanceOf: ModelError,
      message: /has no layer "conv2_1_rellu"; did you mean "conv2_1_relu"/,
    });
  },
);

test.serial('skip connections, shared layers and nested models survive', (t) => {
  const inner = tfl.sequential({
    name: 'inner',
    layers: [
      tfl.layers.conv2d({ name: 'deep', filters: 3, kernelSize: 3, padding: 'same', inputShape: [6, 6, 3] }),
      tfl.layers.batchNormalization({ name: 'deep_bn' }),
    ],
  });
  const input = tfl.input({ shape: [6, 6, 3], name: 'photo' });
  const shared = tfl.layers.conv2d({ name: 'shared', filters: 3, kernelSize: 1 });
  const once = shared.apply(inner.apply(input)) as tfl.SymbolicTensor;
  const twice = shared.apply(once) as tfl.SymbolicTensor;
  const sum = tfl.layers.add({ name: 'sum' }).apply([once, twice, input]) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs: input, outputs: sum });
  const x = tf.randomUniform([2, 6, 6, 3], 0, 1, 'float32', 1);
  const larger = withInputSize(model, [6, 9]);
  t.deepEqual(larger.outputs[0]!.shape, [null, 6, 9, 3]);
  t.is(larger.weights.length, model.weights.length);
  assertClose(t, predict(withInputSize(larger, [6, 6]), x), predict(model, x));
  t.deepEqual(
    describeModel(larger).targetLayers.map(({ path }) => path),
    ['inner/deep', 'inner/deep_bn', 'shared', 'sum'],
  );
});

test.serial('only a fully convolutional network takes another input size', (t) => {
  const pooled = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [4] });
  t.deepEqual(withInputSize(pooled, [12, 10]).inputs[0]!.shape, [null, 12, 10, 3]);
  const flat = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [4], head: 'flatten' });
  t.throws(() => withInputSize(flat, [12, 12]), {
    instanceOf: ModelError,
    message:
      'Layer "logits" has weights [256,2], the new input needs [576,2]; only a fully convolutional network takes another input size',
  });
});

test.serial('input scaling is part of the model, in layers that stock tfjs has', async (t) => {
  const model = buildModel('small-cnn', { inputShape: [4, 4, 3], classes: 2, widths: [4] });
  const x = tf.randomUniform([2, 4, 4, 3], 0, 1, 'float32', 1);
  t.is(withInputScaling(model, 'zero-one'), model);
  assertClose(
    t,
    predict(withInputScaling(model, 'minus-one-one'), x),
    predict(model, tf.sub(tf.mul(x, 2), 1)),
  );
  const mean = [0.485, 0.456, 0.406];
  const std = [0.229, 0.224, 0.225];
  const scaled = withInputScaling(model, 'imagenet');
  const expected = predict(model, tf.div(tf.sub(x, mean), std));
  assertClose(t, predict(scaled, x), expected);
  const again = await tfl.models.modelFromJSON(scaled.toJSON(null, false) as never);
  again.setWeights(scaled.getWeights());
  assertClose(t, predict(again, x), expected);
  t.throws(() => withInputScaling(model, { mean: [0.5], std: [0.5] }), {
    instanceOf: ModelError,
    message:
      'Input scaling needs a mean and a positive std for each of 3 channels, received mean [0.5], std [0.5]',
  });
});

test.serial('the softmax or sigmoid at the end of a model comes off', (t) => {
  const x = tf.randomUniform([3, 4], -1, 1, 'float32', 1);
  // Seeded, so that some of the logits are negative at every run.
  const dense = (args: { units: number; activation?: 'softmax' | 'sigmoid' }) =>
    tfl.layers.dense({ ...args, kernelInitializer: tfl.initializers.glorotNormal({ seed: 1 }) });
  const tails: [string, tfl.layers.Layer[]][] = [
    ['softmax', [dense({ units: 3, activation: 'softmax' })]],
    ['softmax', [dense({ units: 3 }), tfl.layers.activation({ activation: 'softmax' })]],
    ['softmax', [dense({ units: 3 }), tfl.layers.softmax()]],
    ['sigmoid', [dense({ units: 3, activation: 'sigmoid' }), tfl.layers.reshape({ targetShape: [3] })]],
  ];
  for (const [link, layers] of tails) {
    const model = tfl.sequential({
      layers: [tfl.layers.dense({ units: 5, inputShape: [4], activation: 'sigmoid' }), ...layers],
    });
    const logits = toLogits(model);
    const output = logits.predict(x) as tf.Tensor2D;
    t.true(output.dataSync().some((value) => value < 0));
    assertClose(
      t,
      (link === 'softmax' ? tf.softmax(output) : tf.sigmoid(output)).dataSync(),
      predict(model, x),
    );
    t.is(toLogits(logits), logits, 'a model of logits stays as it is');
    const nested = tfl.sequential({ layers: [model] });
    assertClose(t, predict(toLogits(nested), x), output.dataSync());
  }
});

test.serial('a rebuilt model holds its weights and nothing else', (t) => {
  const features = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [4], norm: 'batch' });
  const before = tf.memory().numTensors;
  const headed = withNewHead(features, { classes: 3, from: 'conv1_1_relu' });
  const scaled = withInputScaling(headed, 'imagenet');
  t.is(tf.memory().numTensors, before + headed.weights.length + scaled.weights.length);
  headed.dispose();
  scaled.dispose();
  t.is(tf.memory().numTensors, before);
});

test('layers are frozen by name, wildcard, expression and nested path; a pattern without a match is an error', (t) => {
  const build = () =>
    buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [4, 6], norm: 'batch' });
  const model = build();
  t.deepEqual(freezeLayers(model, ['conv1_*']), ['conv1_1', 'conv1_1_bn', 'conv1_1_relu']);
  t.deepEqual(
    model.trainableWeights.map(({ originalName }) => originalName),
    ['conv2_1/kernel', 'conv2_1_bn/gamma', 'conv2_1_bn/beta', 'logits/kernel', 'logits/bias'],
  );
  t.deepEqual(freezeLayers(build(), [/_bn$/g, 'pool?']), ['conv1_1_bn', 'pool1', 'conv2_1_bn']);
  t.deepEqual(freezeLayers(build(), ['/^conv._1$/']), ['conv1_1', 'conv2_1']);
  const outer = tfl.sequential({ layers: [build(), tfl.layers.dense({ name: 'last', units: 1 })] });
  t.is(freezeLayers(outer, ['small_cnn']).length, build().layers.length);
  t.deepEqual(
    outer.trainableWeights.map(({ originalName }) => originalName),
    ['last/kernel', 'last/bias'],
  );
  t.throws(() => freezeLayers(model, ['conv2_1', 'convv2_1']), {
    instanceOf: ModelError,
    message: /^freeze: no layer matches "convv2_1"; did you mean "conv2_1"/,
  });
  t.throws(() => freezeLayers(model, ['/(/']), {
    instanceOf: ModelError,
    message: /is not a regular expression/,
  });
});

test.serial('frozen features keep their flags under a new head, and can be trained later', (t) => {
  const features = buildModel('small-cnn', {
    inputShape: [8, 8, 3],
    classes: 2,
    widths: [4, 6],
    norm: 'batch',
  });
  freezeLayers(features, ['conv*']);
  const model = withNewHead(features, { classes: 3, from: 'conv2_1_relu' });
  t.deepEqual(
    model.trainableWeights.map(({ originalName }) => originalName),
    ['logits/kernel', 'logits/bias'],
  );
  for (const layer of model.layers) layer.trainable = true;
  t.is(model.trainableWeights.length, 2 * 3 + 2);
});

withShared('MobileNet features of ImageNet take a new head and another input size', async (t) => {
  const features = await loadLayersModel(`${shared}mobilenet-v1/upto_conv_pw_12_relu`);
  const model = withInputScaling(withNewHead(features, { classes: 6, inputSize: [96, 96] }), 'minus-one-one');
  t.deepEqual(model.inputs[0]!.shape, [null, 96, 96, 3]);
  t.deepEqual(describeModel(model).targetLayers.at(-1), { path: 'conv_pw_12_relu', shape: [3, 3, 1024] });
  const logits = predict(model, tf.randomUniform([1, 96, 96, 3], 0, 1, 'float32', 1));
  t.is(logits.length, 6);
  t.true(logits.every(Number.isFinite));
  t.deepEqual(withInputSize(features, [160, 160]).outputs[0]!.shape, [null, 5, 5, 1024]);
});

withShared(
  'the mobilenet-v1 of this package computes what the ImageNet features of Google compute',
  async (t) => {
    const theirs = withInputSize(
      await loadLayersModel(`${shared}mobilenet-v1/upto_conv_pw_12_relu`),
      [64, 64],
    );
    const ours = buildModel('mobilenet-v1', { inputShape: [64, 64, 3], classes: 2 });
    for (const layer of theirs.layers) {
      if (layer.weights.length > 0) ours.getLayer(layer.name).setWeights(layer.getWeights());
    }
    const cut = tfl.model({
      inputs: ours.inputs,
      outputs: ours.getLayer('conv_pw_12_relu').output as tfl.SymbolicTensor,
    });
    const x = tf.randomUniform([1, 64, 64, 3], -1, 1, 'float32', 2);
    const expected = predict(theirs, x);
    t.true(Math.max(...expected) > 1);
    assertClose(t, predict(cut, x), expected);
  },
);

withShared('the tiny VGG of CNN Explainer loses its softmax', async (t) => {
  const model = await loadLayersModel(`${shared}tiny-vgg/model`);
  const logits = toLogits(model);
  const x = tf.randomUniform([1, 64, 64, 3], 0, 1, 'float32', 3);
  const output = logits.predict(x) as tf.Tensor2D;
  assertClose(t, tf.softmax(output).dataSync(), predict(model, x));
  t.true(output.dataSync().some((value) => value < 0 || value > 1));
});
