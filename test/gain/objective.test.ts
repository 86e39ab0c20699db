import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import {
  type GainBatch,
  type GainLoss,
  type GainLossOptions,
  gainLoss,
  holeFilling,
  removeRegion,
} from '../../src/gain/objective/index.ts';
import { rasterizeBox } from '../../src/metrics/index.ts';
import { type LayerSpec, numbers, referenceNet } from './reference-net.ts';

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
});

const NET: LayerSpec[] = [
  { kind: 'conv', filters: 4, activation: 'relu' },
  { kind: 'maxPool' },
  { kind: 'conv', filters: 5, activation: 'relu', name: 'target' },
  { kind: 'conv', filters: 4, activation: 'tanh' },
  { kind: 'globalPool' },
  { kind: 'dense', units: 3 },
];
const LABELS = [[0, 2], [1], [0, 1, 2]];
const model = referenceNet(NET, 17);
const images = (count = 3) =>
  tf.add(tf.tensor4d(numbers(7, count * 432), [count, 12, 12, 3]), 0.5) as tf.Tensor4D;
const scalar = (value: tf.Tensor) => value.dataSync()[0]!;

function loss(batch: Partial<GainBatch>, options: GainLossOptions = {}): GainLoss {
  return gainLoss(
    model,
    { images: images(), labels: LABELS, ...batch },
    { training: false, ...OPTIONS, ...options },
  );
}
const OPTIONS = { targetLayer: 'target' };

function gradient(batch: Partial<GainBatch>, options: GainLossOptions = {}): number[] {
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const { grads } = tf.variableGrads(() => loss(batch, options).total, variables);
  return variables.flatMap(({ name, size }) => Array.from(grads[name]?.dataSync() ?? new Float32Array(size)));
}

function close(
  t: ExecutionContext,
  actual: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance = 1e-6,
) {
  t.is(actual.length, expected.length);
  for (let i = 0; i < expected.length; i++) {
    const [a, e] = [actual[i]!, expected[i]!];
    t.true(Math.abs(a - e) <= tolerance * (1 + Math.abs(e)), `element ${i}: ${a}, expected ${e}`);
  }
}

test.serial(
  'a term of weight 0 is absent and not computed: plain classification is one forward pass',
  async (t) => {
    const convolutions = async (run: () => tf.Tensor) =>
      (await tf.profile(run)).kernels.filter(({ name }) => /conv2d/i.test(name)).length;
    const computed = await convolutions(() => {
      const { total, ...rest } = loss({}, { weights: { classification: 2, mining: 0, supervision: 0 } });
      t.deepEqual(Object.keys(rest).sort(), ['classification', 'logits', 'pairWeights', 'pairs', 'terms']);
      t.is(scalar(total), 2 * scalar(rest.classification!));
      return total;
    });
    t.is(computed, await convolutions(() => model.predict(images()) as tf.Tensor));
    const supervised = loss({ masks: tf.ones([3, 12, 12]) }, { weights: { mining: 0 } });
    t.is(supervised.mining, undefined);
    t.is(supervised.maskedImages, undefined);
    t.deepEqual(supervised.maps!.shape, [6, 6, 6]);
    t.is(loss({}, { weights: { classification: 0, supervision: 0 } }).classification, undefined);
  },
);

test('labels may be indices, lists of indices, or tensors of either form', (t) => {
  const single = [1, 0, 2];
  const link = 'softmax';
  const expected = scalar(loss({ labels: single }, { link }).total);
  for (const labels of [
    single.map((c) => [c]),
    tf.tensor1d(single, 'int32'),
    tf.tensor2d([0, 1, 0, 1, 0, 0, 0, 0, 1], [3, 3]),
    tf.tensor2d([0, 1, 0, 1, 0, 0, 0, 0, 1], [3, 3], 'bool'),
  ]) {
    t.is(scalar(loss({ labels }, { link }).total), expected);
  }
});

test('the link follows the form of the labels: softmax for indices, sigmoid for sets', (t) => {
  const value = (labels: GainBatch['labels'], link?: 'softmax' | 'sigmoid') =>
    scalar(loss({ labels }, { link }).total);
  const index = [1, 0, 2];
  t.is(value(index), value(index, 'softmax'));
  t.is(value(tf.tensor1d(index, 'int32')), value(index, 'softmax'));
  t.is(value(index.map((c) => [c])), value(index, 'sigmoid'));
  t.is(value(tf.oneHot(tf.tensor1d(index, 'int32'), 3)), value(index, 'sigmoid'));
  t.not(value(index, 'softmax'), value(index, 'sigmoid'));
});

test('images without labels are classified and not mined; a batch of them mines 0 without NaN', (t) => {
  const some = loss({ labels: [[], [1], []] });
  t.deepEqual(some.pairs, [{ sample: 1, class: 1 }]);
  const own = loss({ images: tf.slice(images(), 1, 1), labels: [[1]] });
  close(t, some.mining!.dataSync(), own.mining!.dataSync());
  for (const pairCapacity of [undefined, 2]) {
    const none = loss({ labels: [[], [], []] }, { pairCapacity });
    t.is(scalar(none.mining!), 0);
    t.is(scalar(none.total), scalar(none.classification!));
    t.true(gradient({ labels: [[], [], []] }, { pairCapacity }).every(Number.isFinite));
  }
});

test('padding to a capacity changes neither the terms nor the gradient; a fuller batch takes a multiple of 4', (t) => {
  const batch = { masks: tf.ones([1, 12, 12]) as tf.Tensor3D, maskPairs: [{ sample: 2, class: 1 }] };
  const [exact, padded] = [loss(batch), loss(batch, { pairCapacity: 9 })];
  t.is(padded.maps!.shape[0], 9);
  t.deepEqual(padded.pairWeights.slice(6), [0, 0, 0]);
  for (const term of ['total', 'classification', 'mining', 'supervision', 'deadShare'] as const) {
    close(t, padded[term]!.dataSync(), exact[term]!.dataSync());
  }
  close(t, gradient(batch, { pairCapacity: 9 }), gradient(batch));
  t.is(loss(batch, { pairCapacity: 3 }).maps!.shape[0], 8);
  t.throws(() => loss({}, { pairCapacity: 0 }), {
    message: 'pairCapacity: must be a whole number above 0, was 0',
  });
});

test('pairs and their weights may be given in place of the labels', (t) => {
  const pairs = [
    { sample: 2, class: 1 },
    { sample: 0, class: 0 },
  ];
  const scores = loss({ pairs, pairWeights: [3, 1] });
  const each = pairs.map((pair) => scalar(loss({ pairs: [pair] }).mining!));
  close(t, scores.mining!.dataSync(), [(3 * each[0]! + each[1]!) / 4]);
  t.throws(() => loss({ pairs, pairWeights: [1] }), {
    message: /pairWeights: must be one per pair \(2\), were 1/,
  });
  t.throws(() => loss({ pairs, pairWeights: [1, -1] }), { message: /not negative, were 1, -1/ });
});

test("one random class per image: drawn with the seed, among the image's own", (t) => {
  const drawn = (seed: number) => loss({}, { classesToMine: 'random', seed }).pairs;
  t.deepEqual(drawn(3), drawn(3));
  const seen = new Set<string>();
  for (let seed = 0; seed < 20; seed++) {
    const pairs = drawn(seed);
    t.deepEqual(
      pairs.map(({ sample }) => sample),
      [0, 1, 2],
    );
    for (const pair of pairs) seen.add(`${pair.sample}/${pair.class}`);
  }
  t.deepEqual([...seen].sort(), ['0/0', '0/2', '1/1', '2/0', '2/1', '2/2']);
});

test('masks count for the pairs they belong to, by list, by image, by flag, or drawn from boxes', (t) => {
  const half = tf.tensor3d(
    Array.from({ length: 144 }, (_, i) => Number(i % 12 < 6)),
    [1, 12, 12],
  );
  const maskPairs = [{ sample: 1, class: 1 }];
  const expected = scalar(loss({ masks: half, maskPairs }).supervision!);
  t.true(expected > 0);

  const padded = tf.concat([half, tf.ones([2, 12, 12])], 0) as tf.Tensor3D;
  const perImage = tf.tile(half, [3, 1, 1]);
  const box = { sample: 1, class: 1, ymin: 0, ymax: 1 };
  const halves = [
    { ...box, xmin: 0, xmax: 0.3 },
    { ...box, xmin: 0.2, xmax: 0.5 },
  ];
  for (const batch of [
    { masks: padded, maskPairs },
    { masks: perImage, hasMask: [false, true, false] },
    { masks: perImage, hasMask: tf.tensor1d([0, 1, 0]) },
    { boxes: halves },
    { masks: half, maskPairs, boxes: [{ ...box, xmin: 0, xmax: 1 }] },
    { masks: tf.zeros([2, 12, 12]) as tf.Tensor3D, maskPairs: [], boxes: halves },
  ]) {
    close(t, loss(batch).supervision!.dataSync(), [expected]);
  }
});

test('supervision is the mean over the images with masks, each the mean over its masked labels', (t) => {
  const masks = tf.tensor3d(
    numbers(5, 432).map((v) => Number(v > 0)),
    [3, 12, 12],
  );
  const maskPairs = [
    { sample: 0, class: 0 },
    { sample: 0, class: 2 },
    { sample: 2, class: 1 },
  ];
  const each = maskPairs.map((pair, m) =>
    scalar(loss({ masks: tf.slice(masks, m, 1), maskPairs: [pair] }).supervision!),
  );
  close(t, loss({ masks, maskPairs }).supervision!.dataSync(), [
    (each[0]! / 2 + each[1]! / 2 + each[2]!) / 2,
  ]);
  close(t, loss({ masks, maskPairs }, { supervision: { images: 'batch' } }).supervision!.dataSync(), [
    (each[0]! / 2 + each[1]! / 2 + each[2]!) / 3,
  ]);
});

test('a batch whose masks count for nobody has a supervision of 0 with zero gradient', (t) => {
  const weights = { classification: 0, mining: 0, supervision: 10 };
  for (const batch of [
    {},
    { boxes: [] },
    { masks: tf.ones([3, 12, 12]) as tf.Tensor3D, hasMask: [false, false, false] },
    { masks: tf.ones([2, 12, 12]) as tf.Tensor3D, maskPairs: [] },
  ]) {
    t.is(scalar(loss(batch, { weights }).total), 0);
    t.true(gradient(batch, { weights }).every((value) => value === 0));
  }
});

test('a model with several inputs: the image is masked, the others go along with their pair', (t) => {
  const picture = tfl.input({ shape: [12, 12, 3] });
  const context = tfl.input({ shape: [2] });
  const features = tfl.layers
    .conv2d({ filters: 4, kernelSize: 3, activation: 'relu', name: 'seen' })
    .apply(picture);
  const pooled = tfl.layers.globalAveragePooling2d({}).apply(features) as tfl.SymbolicTensor;
  const joined = tfl.layers.concatenate().apply([context, pooled]);
  const scores = tfl.layers.dense({ units: 3 }).apply(joined) as tfl.SymbolicTensor;
  const two = tfl.model({ inputs: [context, picture], outputs: scores });
  const values = two.getWeights().map((w, i) => tf.tensor(numbers(i + 4, w.size), w.shape));
  two.setWeights(values);

  const inputs = [tf.tensor2d([1, 2, 3, 4, 5, 6], [3, 2]), images()];
  const result = gainLoss(
    two,
    { images: inputs, labels: LABELS },
    { imageInput: 1, training: false, weights: { classification: 0 } },
  );
  const rows = tf.gather(inputs[0]!, tf.tensor1d([0, 0, 1, 2, 2, 2], 'int32'));
  const again = (two.predict([rows, result.maskedImages!]) as tf.Tensor2D).arraySync();
  const alive = tf.max(result.maps!, [1, 2]).dataSync();
  const expected = result.pairs.reduce(
    (sum, pair, p) =>
      sum + (alive[p]! > 0 ? result.pairWeights[p]! / 3 / (1 + Math.exp(-again[p]![pair.class]!)) : 0),
    0,
  );
  close(t, result.mining!.dataSync(), [expected]);
  t.throws(() => gainLoss(two, { images: inputs, labels: LABELS }, { imageInput: 0 }), {
    message: 'batch.images: must have shape [B,H,W,c], or [B,T,H,W,c] of clips, had [3,2]',
  });
});

test('dropout and noise repeat with their seeds', (t) => {
  const dropping = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        filters: 8,
        kernelSize: 3,
        activation: 'relu',
        inputShape: [12, 12, 3],
        name: 'target',
      }),
      tfl.layers.dropout({ rate: 0.5 }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 3 }),
    ],
  });
  const total = (dropoutSeed: number, seed: number) =>
    scalar(
      gainLoss(
        dropping,
        { images: images(), labels: LABELS },
        { ...OPTIONS, dropoutSeed, seed, fill: 'noise' },
      ).total,
    );
  t.is(total(1, 1), total(1, 1));
  t.not(total(1, 1), total(2, 1));
  t.not(total(1, 1), total(1, 2));
});

test('wrong batches and options are refused with the rule and the value', (t) => {
  const refused = (batch: Partial<GainBatch>, options: GainLossOptions, message: RegExp) =>
    t.throws(() => loss(batch, options), { name: 'UsageError', message });
  refused({ labels: [0, 1] }, {}, /^batch\.labels: must be one row per image \(3\), were 2$/);
  refused(
    { labels: [0, 1, 3] },
    { weights: { mining: 0, supervision: 0 } },
    /class 3 of image 2 must be .* 0 to 2/,
  );
  refused({ labels: tf.zeros([3, 1, 1]) }, {}, /\[B,C\] or \[B\], had \[3,1,1\]/);
  refused(
    { labels: tf.zeros([3, 4]) },
    {},
    /labels: must have the shape of the logits, \[3,3\], had \[3,4\]/,
  );
  refused({ masks: tf.ones([2, 12, 12]) }, {}, /one mask per image \(3\), were 2/);
  refused(
    { masks: tf.ones([1, 12, 12]), maskPairs: LABELS.map(() => ({ sample: 0, class: 0 })) },
    {},
    /per mask \(1\)/,
  );
  refused({ masks: tf.ones([3, 12, 12]), hasMask: [true] }, {}, /one flag per image \(3\), were 1/);
  refused({ masks: tf.ones([3, 12, 12, 1]) as unknown as tf.Tensor3D }, {}, /\[M,H,W\], had \[3,12,12,1\]/);
  refused(
    {},
    { weights: { mining: -1 } },
    /^weights\.mining: must be a finite number that is not negative, was -1$/,
  );
  refused({}, { weights: { mining: Number.NaN } }, /was NaN/);
  refused({}, { weights: { classification: 0, mining: 0, supervision: 0 } }, /at least one term/);
  refused(
    {},
    { miningGradient: 'none' as 'all' },
    /^miningGradient: must be all or mask or parameters, was "none"$/,
  );
  refused({}, { fill: 'black' as 'zero' }, /^fill: must be zero, mean, blur or noise, was "black"$/);
  refused({}, { fill: { kind: 'mean', pixel: [1] } }, /one value per channel \(3\), had 1/);
  refused({}, { fill: { kind: 'blur', sigma: 0 } }, /fill\.sigma: must be above 0, was 0/);
  refused({}, { softMask: { sigma: Number.NaN } }, /softMask\.sigma/);
});

test('tensors stay constant over steps, with and without a gradient', (t) => {
  const batch = {
    images: images(),
    labels: tf.tensor2d([1, 0, 1, 0, 1, 0, 1, 1, 1], [3, 3]),
    masks: tf.ones([3, 12, 12]) as tf.Tensor3D,
    hasMask: tf.tensor1d([1, 0, 1]),
  };
  const step = (options: GainLossOptions) => {
    const { value, grads } = tf.variableGrads(() => gainLoss(model, batch, options).total);
    const { pairs: _pairs, pairWeights: _weights, ...tensors } = gainLoss(model, batch, options);
    tf.dispose([value, grads, tensors]);
  };
  for (const miningGradient of ['all', 'mask', 'parameters'] as const) {
    const options = {
      miningGradient,
      training: true,
      fill: 'blur',
      pairCapacity: 8,
      dropoutSeed: 1,
    } as const;
    step(options);
    const before = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) step(options);
    t.is(tf.memory().numTensors, before);
  }
});

test('removing a region leaves I (1 − T) + F T', (t) => {
  const image = tf.tensor4d([1, 2, 3, 4], [1, 2, 2, 1]);
  const region = tf.tensor3d([0, 0.5, 1, 0.25], [1, 2, 2]);
  close(t, removeRegion(image, region, undefined).dataSync(), [1, 1, 0, 3]);
  close(t, removeRegion(image, region, tf.tensor4d([8], [1, 1, 1, 1])).dataSync(), [1, 5, 8, 5]);
});

test("a hole is filled with a pixel, the image's mean, its blur, or noise of its own statistics", (t) => {
  const two = tf.stack([
    tf.fill([8, 8, 1], 3),
    tf.mul(tf.expandDims(tf.oneHot(tf.range(0, 8, 1, 'int32'), 8), 2), 8),
  ]);
  const batch = tf.cast(two, 'float32') as tf.Tensor4D;
  close(t, holeFilling(batch, { kind: 'mean', pixel: [7] }, 0)!.dataSync(), [7]);
  close(t, holeFilling(batch, 'mean', 0)!.dataSync(), [3, 1]);
  t.is(holeFilling(batch, 'zero', 0), undefined);

  const blur = holeFilling(batch, { kind: 'blur', sigma: 1 }, 0)!;
  const blurred = tf.reshape(blur, [2, 8, 8]).arraySync() as number[][][];
  close(t, blurred[0]!.flat(), new Array(64).fill(3));
  // Off the edge, the diagonal's blur at its middle: 8 Σ_k g(k)², g a Gaussian of deviation 1 over the row.
  const g = Array.from({ length: 8 }, (_, j) => Math.exp(-((j - 4) ** 2) / 2));
  const sum = g.reduce((a, b) => a + b);
  close(t, [blurred[1]![4]![4]!], [8 * g.reduce((a, b) => a + (b / sum) ** 2, 0)]);

  const picture = images(1);
  const noise = tf.tile(picture, [1, 8, 8, 1]) as tf.Tensor4D;
  const [own, drawn] = [noise, holeFilling(noise, 'noise', 4)!].map((x) => tf.moments(x!, [1, 2]));
  close(t, drawn!.mean.dataSync(), own!.mean.dataSync(), 0.02);
  close(t, drawn!.variance.dataSync(), own!.variance.dataSync(), 0.02);
});

test('a box covers the pixels whose centres it holds, cut at the edge', (t) => {
  const region = new Float32Array(16);
  rasterizeBox({ xmin: 0.25, ymin: 0.4, xmax: 0.62, ymax: 1.5 }, 4, 4, region);
  t.deepEqual([...region], [0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0]);
  rasterizeBox({ xmin: 0.3, ymin: 0, xmax: 0.3, ymax: 1 }, 4, 4, region);
  t.is(
    region.reduce((a, b) => a + b),
    2,
  );
  rasterizeBox({ xmin: -1, ymin: -1, xmax: 0.2, ymax: 0.2 }, 4, 4, region);
  t.is(region[0], 1);
});
