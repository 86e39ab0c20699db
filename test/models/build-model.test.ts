import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import {
  type BackboneName,
  buildModel,
  countMultiplyAdds,
  countParameters,
  describeModel,
  modelNames,
  modelOptionsSchema,
  takesVolumes,
} from '../../src/models/index.ts';
import { layerSeed } from '../../src/models/seeded-layers.ts';
import { startTestEngine } from '../engine/test-engine.ts';

test.before(() => startTestEngine());

const small: [BackboneName, object, number][] = [
  ['small-cnn', { widths: [4, 8], norm: 'batch', pool: 'avg', activation: 'elu' }, 16],
  ['small-cnn-3d', { widths: [4, 6, 8], activation: 'elu' }, 16],
  ['simple-conv-net', {}, 28],
  ['vgg11', { baseWidth: 4 }, 32],
  ['vgg16', { baseWidth: 4, norm: 'batch', head: 'hidden', hiddenUnits: [8, 6], dropout: 0.5 }, 32],
  ['resnet18', { baseWidth: 4 }, 32],
  ['resnet34', { baseWidth: 4 }, 32],
  ['resnet50', { baseWidth: 4, stem: 'small', zeroLastGamma: true }, 16],
  ['wide-resnet', { depth: 10, width: 1, unitDropout: 0.3 }, 16],
  ['mobilenet-v1', { alpha: 0.25, stem: 'small' }, 32],
  ['mobilenet-v2', { alpha: 0.25, stem: 'small' }, 32],
  ['mobilenet-v3-small', { alpha: 0.25, stem: 'small', hiddenLayer: true }, 32],
  ['mobilenet-v3-large', { alpha: 0.25 }, 32],
  ['efficientnet-b0', { width: 0.25, depth: 0.5 }, 32],
  ['convnext-tiny', { widths: [4, 8, 8, 8], depths: [1, 1, 2, 1], patch: 2 }, 32],
  ['vit-tiny', { width: 24, depth: 2, patch: 8, layerScale: 0.1, registers: 2 }, 16],
  ['vit-small', { width: 24, depth: 1, patch: 8, positions: 'patches', pool: 'mean' }, 16],
  ['vit-base', { width: 24, depth: 1, patch: 8 }, 16],
];

test('every backbone is tested here', (t) => {
  t.deepEqual(
    small.map(([name]) => name),
    modelNames(),
  );
});

for (const [name, options, size] of small) {
  test.serial(`${name} gives finite raw logits, the same for the same seed`, (t) => {
    const inputShape: [number, number, number] | [number, number, number, number] = takesVolumes(name)
      ? [4, size, size, 3]
      : [size, size, 3];
    const build = (seed: number) => buildModel(name, { inputShape, classes: 5, seed, ...options });
    const models = [build(3), build(3), build(4)];
    const images = tf.randomUniform([2, ...inputShape], 0, 1, 'float32', 7);
    const [first, again, other] = models.map((model) => model.predict(images) as tf.Tensor2D);
    t.deepEqual(first!.shape, [2, 5]);
    const logits = first!.dataSync();
    t.true(logits.every(Number.isFinite));
    t.true(logits.some((value) => value < 0) || logits.some((value) => value > 1), 'no softmax, no sigmoid');
    t.deepEqual(again!.dataSync(), logits);
    t.notDeepEqual(other!.dataSync(), logits);
    for (const { name: layer } of models[0]!.layers) t.regex(layer, /^[a-z][a-z0-9_]*$/);
    for (const model of models) model.dispose();
  });
}

test('initial kernels have the variance that He asks for before a relu, and LeCun before logits', (t) => {
  const model = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 50, widths: [64, 200] });
  const variance = (name: string) => {
    const { variance } = tf.moments(model.getLayer(name).getWeights()[0]!);
    return variance.dataSync()[0]!;
  };
  const isNear = (actual: number, expected: number) => Math.abs(actual / expected - 1) < 0.05;
  t.true(isNear(variance('conv2_1'), 2 / (9 * 64)), String(variance('conv2_1')));
  t.true(isNear(variance('logits'), 1 / 200), String(variance('logits')));
  const narrow = buildModel('mobilenet-v1', { inputShape: [8, 8, 3], classes: 2, stem: 'small' });
  const depthwise = tf.moments(narrow.getLayer('conv_dw_12').getWeights()[0]!).variance.dataSync()[0]!;
  t.true(isNear(depthwise, 2 / 9), `a depthwise filter sees its window only: ${depthwise}`);
});

test('a layer keeps its initial weights when another one is added, and no two layers share theirs', (t) => {
  const build = (widths: number[]) =>
    buildModel('small-cnn', { inputShape: [16, 16, 3], classes: 2, widths });
  const weights = (model: tfl.LayersModel, layer: string) =>
    model.getLayer(layer).getWeights()[0]!.dataSync();
  const deep = build([4, 4, 4]);
  t.deepEqual(weights(build([4, 4]), 'conv2_1'), weights(deep, 'conv2_1'));
  t.notDeepEqual(weights(deep, 'conv2_1'), weights(deep, 'conv3_1'));
  const seeds = Array.from({ length: 2000 }, (_, i) => layerSeed(i % 40, `conv${Math.floor(i / 40)}`));
  t.is(new Set(seeds).size, 2000);
  t.true(seeds.every((seed) => Number.isInteger(seed) && seed >= 1 && seed <= 2 ** 31));
});

test('counting: parameters, multiply-adds and target layers of a network by hand', (t) => {
  const model = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 5, widths: [4, 6], norm: 'batch' });
  // conv 3*3*3*4, its normalisation 4*4, conv 3*3*4*6, its normalisation 4*6, dense 6*5 + 5.
  t.is(countParameters(model), 108 + 16 + 216 + 24 + 35);
  t.is(countParameters(model, { trainableOnly: true }), 108 + 8 + 216 + 12 + 35);
  t.is(countMultiplyAdds(model), 8 * 8 * 108 + 4 * 4 * 216 + 30);
  const description = describeModel(model);
  t.deepEqual(description.inputs, [[8, 8, 3]]);
  t.is(description.classes, 5);
  t.deepEqual(description.targetLayers.slice(-2), [
    { path: 'conv2_1_bn', shape: [4, 4, 6] },
    { path: 'conv2_1_relu', shape: [4, 4, 6] },
  ]);
  // Depthwise 16*16*9*8 after the strided stem (32 -> 16), alpha 1/4: 8 channels.
  const separable = buildModel('mobilenet-v1', { inputShape: [32, 32, 3], classes: 2, alpha: 0.25 });
  const before = 16 * 16 * 27 * 8 + 16 * 16 * 9 * 8 + 16 * 16 * 8 * 16;
  t.true(countMultiplyAdds(separable) > before);
  t.deepEqual(separable.getLayer('conv_dw_1').outputShape, [null, 16, 16, 8]);
});

test('what is wrong with a call is said, with what may have been meant', (t) => {
  const base = { inputShape: [32, 32, 3] as [number, number, number], classes: 2 };
  // biome-ignore lint/suspicious/noExplicitAny: names and options that the types forbid are what is tested
  const build: (name: string, options: object) => unknown = buildModel as any;
  const fails = (name: string, options: object, message: RegExp) =>
    t.throws(() => build(name, { ...base, ...options }), { instanceOf: UsageError, message });
  fails('resnet81', {}, /^There is no model "resnet81"; did you mean "resnet18".*; there are small-cnn, /);
  fails(
    'small-cnn',
    { width: [4] },
    /^model "small-cnn": there is no option "width"; did you mean "widths"\?; there are/,
  );
  fails('wide-resnet', { depth: 17 }, /^model "wide-resnet": option depth: expected 6 n \+ 4: 10, 16/);
  fails('small-cnn', { widths: [4, 0] }, /option widths\.1: /);
  fails('small-cnn', { classes: 0 }, /^classes: expected a whole number from 1, received 0/);
  fails(
    'small-cnn',
    { inputShape: [32, 3] },
    /^inputShape: expected \[height, width, channels\], received \[32,3\]/,
  );
  fails(
    'small-cnn',
    { inputShape: [4, 16, 16, 3] },
    /received \[4,16,16,3\]; "small-cnn" takes images, for clips there is small-cnn-3d$/,
  );
  fails(
    'small-cnn-3d',
    {},
    /expected \[frames, height, width, channels\], received \[32,32,3\]; "small-cnn-3d" takes clips, for images there are small-cnn, /,
  );
  fails(
    'vgg16',
    { inputShape: [16, 16, 3] },
    /too small .* layer "pool5" pools 2x2 pixels and would get 1x1/,
  );
  t.is(modelOptionsSchema('vgg11').parse({}).baseWidth, 64);
});
