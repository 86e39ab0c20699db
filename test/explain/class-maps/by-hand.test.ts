import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError, UsageError } from '../../../src/errors/index.ts';
import {
  ablationCam,
  counterfactualMaps,
  fusedMaps,
  scoreCam,
  smoothByAugmentation,
  smoothedMaps,
  softmaxGradCamPlusPlus,
  stageLayers,
} from '../../../src/explain/class-maps/index.ts';
import { attentionMaps, type Pair } from '../../../src/gradcam/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { tensorOf } from '../../gradcam/reference-network.ts';

test.before(startTestEngine);

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());
const first: Pair[] = [{ sample: 0, class: 0 }];

function close(actual: tf.Tensor, expected: readonly number[], within = 1e-6): boolean {
  return values(actual).every((value, i) => Math.abs(value - expected[i]!) < within);
}

/** s = Σ over places of 2 A⁰ − A¹, A = ReLU(x): two channels, two places. */
function twoChannels(weights = [2, -1, 2, -1], bias = 0): tfl.Sequential {
  const model = tfl.sequential({
    layers: [tfl.layers.reLU({ name: 'relu', inputShape: [1, 2, 2] }), tfl.layers.flatten()],
  });
  const out = tfl.layers.dense({ units: 1 });
  model.add(out);
  out.setWeights([tf.tensor2d(weights, [4, 1]), tf.tensor1d([bias])]);
  return model;
}

test('Score-CAM by hand: softmax of the scores under each mask', async (t) => {
  // A⁰ = [1, 3] masks with [0, 1], A¹ = [4, 2] with [1, 0]: what is left scores 2·3 − 2 = 4, and 2·1 − 4 = −2.
  const images = tf.tensor4d([1, 4, 3, 2], [1, 1, 2, 2]);
  const maps = await scoreCam(twoChannels(), images, first, { targetLayer: 'relu' });
  const [a, b] = [1 / (1 + Math.exp(-6)), 1 / (1 + Math.exp(6))];
  t.true(close(maps, [a * 1 + b * 4, a * 3 + b * 2], 1e-5));
});

test('Ablation-CAM by hand: the share of the score that goes with a channel', async (t) => {
  const images = tf.tensor4d([1, 4, 3, 2], [1, 1, 2, 2]);
  // s = 8 − 6 + 2 = 4; without A⁰ −4, without A¹ 10: w = 2, −1.5
  const maps = await ablationCam(twoChannels(undefined, 2), images, first, { targetLayer: 'relu' });
  t.true(close(maps, [0, 2 * 3 - 1.5 * 2]));
  // The same network less 10: s = −6, and the weights keep their signs.
  const negative = await ablationCam(twoChannels(undefined, -8), images, first, { targetLayer: 'relu' });
  t.true(close(negative, [0, (8 * 3 - 6 * 2) / 6]));
});

test('counterfactual maps are the negative part of the signed map', (t) => {
  const images = tf.tensor4d([1, 4, 3, 2], [1, 1, 2, 2]);
  const options = { targetLayer: 'relu' };
  // Grad-CAM's weights are 2 and −1: for the class [2 − 4, 6 − 2], against it [4 − 2, 2 − 6], both clipped.
  t.deepEqual(values(attentionMaps(twoChannels(), images, first, options).maps), [0, 4]);
  t.deepEqual(values(counterfactualMaps(twoChannels(), images, first, options)), [2, 0]);
  t.deepEqual(
    values(counterfactualMaps(twoChannels(), images, first, { ...options, method: 'layer-cam' })),
    [4, 2],
  );
});

/** conv-relu-pool-conv-relu-flatten-dense over [B, 8, 8, 1], three classes. */
function classifier(): tfl.Sequential {
  const conv = (name: string, filters: number) =>
    tfl.layers.conv2d({ name, filters, kernelSize: 3, padding: 'same', activation: 'relu' });
  const model = tfl.sequential({ name: 'net' });
  model.add(tfl.layers.inputLayer({ inputShape: [8, 8, 1] }));
  for (const layer of [conv('c1', 2), conv('c2', 3), tfl.layers.maxPooling2d({ name: 'p', poolSize: 2 })]) {
    model.add(layer);
  }
  for (const layer of [conv('c3', 4), tfl.layers.flatten(), tfl.layers.dense({ units: 3 })]) model.add(layer);
  model.setWeights(model.getWeights().map((weight, i) => tensorOf(1000 * (i + 1), weight.shape)));
  return model;
}

const images = () => tensorOf(5, [2, 8, 8, 1]);
const pairs: Pair[] = [
  { sample: 1, class: 2 },
  { sample: 0, class: 0 },
  { sample: 1, class: 1 },
];

test('a stage ends with its last layer, and those are the layers that are fused', (t) => {
  const model = classifier();
  t.deepEqual(stageLayers(model), ['c2', 'c3']);
  const all = fusedMaps(model, images(), pairs);
  t.deepEqual(all.shape, [3, 8, 8]);
  t.deepEqual(values(all), values(fusedMaps(model, images(), pairs, { targetLayers: ['c2', 'c3'] })));
  const single = fusedMaps(model, images(), pairs, { targetLayers: ['c3'], gamma: [2] });
  const { maps } = attentionMaps(model, images(), pairs, { method: 'layer-cam', targetLayer: 'c3' });
  const scaled = tf.tanh(tf.mul(tf.div(maps, tf.max(maps, [1, 2], true)), 2));
  t.true(close(single, values(scaled)));
  t.throws(() => fusedMaps(model, images(), pairs, { targetLayers: ['c2', 'c3'], gamma: [1] }), {
    instanceOf: UsageError,
    message: /received 2 layers and 1 numbers$/,
  });
});

test('fusing the stages of a model that has none, or leaves its extent open, is refused', (t) => {
  const flat = tfl.sequential({ name: 'flat', layers: [tfl.layers.dense({ inputShape: [4], units: 2 })] });
  t.throws(() => fusedMaps(flat, tf.zeros([1, 4]), first), {
    instanceOf: ModelError,
    message: /^Model "flat": no layer before output .+ has spatial extent/,
  });
  const open = tfl.sequential({ name: 'open' });
  open.add(tfl.layers.conv2d({ name: 'c', inputShape: [null, null, 1], filters: 1, kernelSize: 1 }));
  open.add(tfl.layers.globalAveragePooling2d({}));
  t.throws(() => fusedMaps(open, tf.zeros([1, 4, 4, 1]), first), {
    instanceOf: ModelError,
    message: 'Model "open": layer "c" leaves its extent open; name the layers to be fused',
  });
});

test('smoothing averages over mirrored and brighter images, mirrored back', async (t) => {
  const model = classifier();
  const options = { method: 'grad-cam', targetLayer: 'c3' } as const;
  const found = await smoothedMaps(model, images(), pairs, { ...options, factors: [0.5, 1] });
  const of = (x: tf.Tensor) => attentionMaps(model, x, pairs, options).maps;
  const views = [0.5, 1].flatMap((factor) => [
    of(tf.mul(images(), factor)),
    tf.reverse(of(tf.mul(tf.reverse(images(), 2), factor)), 2),
  ]);
  t.true(close(found, values(tf.div(tf.addN(views), 4))));
  const plain = await smoothedMaps(model, images(), pairs, { ...options, factors: [1], flip: false });
  t.true(close(plain, values(of(images()))));
});

test('smoothing works on any method, in pixel space too, and its noise has a seed', async (t) => {
  // The method answers the image itself: whatever is done to it is undone, up to the factor and the noise.
  const self = ([x]: tf.Tensor[]) => tf.clone(x!);
  const same = await smoothByAugmentation(self, images(), { factors: [0.8, 1.2] });
  t.true(close(same, values(images())));
  const noisy = (seed: number) =>
    smoothByAugmentation(self, images(), { flip: false, factors: [1], noise: 0.1, draws: 2, seed });
  const [one, again, other] = [await noisy(1), await noisy(1), await noisy(2)];
  t.deepEqual(values(one!), values(again!));
  t.notDeepEqual(values(one!), values(other!));
  t.false(close(one!, values(images()), 1e-3));
  await t.throwsAsync(smoothByAugmentation(self, images(), { factors: [] }), { instanceOf: UsageError });
});

test('pairs come in their order, and a map does not depend on who else is asked for', async (t) => {
  const model = classifier();
  for (const method of [scoreCam, ablationCam, softmaxGradCamPlusPlus]) {
    const all = await method(model, images(), pairs);
    for (const [p, pair] of pairs.entries()) {
      const image = tf.slice(images(), [pair.sample, 0, 0, 0], [1, 8, 8, 1]);
      const alone = await method(model, image, [{ sample: 0, class: pair.class }]);
      t.true(close(tf.slice(all, [p, 0, 0], [1, 4, 4]), values(alone), 1e-5), method.name);
    }
    t.deepEqual((await method(model, images(), [])).shape, [0, 4, 4]);
    await t.throwsAsync(async () => method(model, images(), [{ sample: 0, class: 3 }]), {
      instanceOf: UsageError,
      message: /^pair 0 \{ sample: 0, class: 3 \}: class must be a whole number from 0 to 2/,
    });
  }
});

test('a probability that one class has all of gives a finite map', (t) => {
  const model = classifier();
  const weights = model.getWeights();
  model.setWeights(weights.with(-1, tf.tensor1d([200, 0, -200])));
  const maps = values(softmaxGradCamPlusPlus(model, images(), pairs));
  t.true(maps.every(Number.isFinite));
});

test.serial(
  'a long method tells how far it is, ends when it is told to, and leaves no tensor behind',
  async (t) => {
    const model = classifier();
    const x = images();
    const live = tf.memory().numTensors;
    for (const method of [scoreCam, ablationCam]) {
      const told: string[] = [];
      const onProgress = (done: number, all: number) => told.push(`${done}/${all}`);
      (await method(model, x, pairs, { batchSize: 3, onProgress })).dispose();
      t.deepEqual(told, ['3/8', '4/8', '7/8', '8/8'], 'four channels of each of two images');
      const end = new AbortController();
      const stop = { signal: end.signal, onProgress: () => end.abort(new UsageError('enough')) };
      await t.throwsAsync(method(model, x, pairs, stop), { message: 'enough' });
      t.is(tf.memory().numTensors, live);
    }
    const end = new AbortController();
    const stopped = smoothedMaps(model, x, pairs, {
      signal: end.signal,
      onProgress: () => end.abort(new UsageError('enough')),
    });
    await t.throwsAsync(stopped, { message: 'enough' });
    t.is(tf.memory().numTensors, live);
  },
);
