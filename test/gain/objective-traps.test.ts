/** The traps that published implementations fell into (README.md); each test fails for the behaviour that it is named after. */
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { holeFilling } from '../../src/gain/objective/hole-filling.ts';
import { type GainBatch, type GainLossOptions, gainLoss } from '../../src/gain/objective/index.ts';
import { randomPairs } from '../../src/gain/objective/pairs.ts';
import { type LayerSpec, numbers, referenceNet } from './reference-net.ts';

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
});

const target = { kind: 'conv', filters: 5, activation: 'relu', name: 'target' } as const;
const conv = { kind: 'conv', filters: 4, activation: 'tanh' } as const;
const [pool, gap, dense] = [
  { kind: 'maxPool' },
  { kind: 'globalPool' },
  { kind: 'dense', units: 3 },
] as const;
const NET: LayerSpec[] = [{ ...conv, activation: 'relu' }, pool, target, conv, gap, dense];
const LABELS = [[0, 2], [1], [0, 1, 2]];
const MINING_ONLY = { classification: 0, mining: 1, supervision: 0 };

/** Seed 17 gives the nets of these tests maps that are all alive. */
const net = (layers = NET, seed = 17) => referenceNet(layers, seed);

function images(count = 3): tf.Tensor4D {
  return tf.add(tf.tensor4d(numbers(7, count * 432), [count, 12, 12, 3]), 0.5);
}

const scalar = (value: tf.Tensor) => value.dataSync()[0]!;
const variablesOf = (model: tfl.LayersModel) => model.trainableWeights.map((w) => w.read() as tf.Variable);
const norm = (values: readonly number[]) => Math.hypot(...values);

/** The total and its gradient for all weights, end to end; the first-pass batch norm stays put. */
function valueAndGradient(model: tfl.LayersModel, batch: GainBatch, options: GainLossOptions = {}) {
  const variables = variablesOf(model);
  const { value, grads } = tf.variableGrads(
    () => gainLoss(model, batch, { training: false, targetLayer: 'target', ...options }).total,
    variables,
  );
  const perWeight = variables.map(({ name, size }) =>
    Array.from(grads[name]?.dataSync() ?? new Float32Array(size)),
  );
  return { value: scalar(value), perWeight, gradient: perWeight.flat() };
}

function closeTo(
  t: ExecutionContext,
  actual: readonly number[],
  expected: readonly number[],
  tolerance = 1e-5,
) {
  const distance = norm(expected.map((value, i) => value - actual[i]!));
  t.is(actual.length, expected.length);
  t.true(distance <= tolerance * norm(expected), `off by ${distance} of ${norm(expected)}`);
}

test('trap 1: the gradient has the second-order part of the channel weights, and the map is attached', (t) => {
  for (const method of ['grad-cam', 'grad-cam++'] as const) {
    const options = { method, weights: MINING_ONLY, miningGradient: 'mask' } as const;
    const whole = valueAndGradient(net(), { images: images(), labels: LABELS }, options);
    const firstOrder = valueAndGradient(
      net(),
      { images: images(), labels: LABELS },
      { ...options, differentiateWeights: false },
    );
    closeTo(t, [whole.value], [firstOrder.value]);
    const difference = norm(whole.gradient.map((value, i) => value - firstOrder.gradient[i]!));
    t.true(difference > 0.05 * norm(whole.gradient));
    t.true(norm(firstOrder.perWeight[0]!) > 0, 'a map that is detached whole trains no layer');
    // Only the channel weights depend on what follows the target layer.
    t.true(norm(whole.perWeight.at(-2)!) > 0);
    t.is(norm(firstOrder.perWeight.at(-2)!), 0);
  }
});

test('trap 2: a batch of many is the mean of its batches of one, in value and gradient', (t) => {
  const batch = images();
  const masks = tf.tensor3d(
    numbers(9, 432).map((v) => Number(v > 0)),
    [3, 12, 12],
  );
  const model = net();
  const together = valueAndGradient(model, { images: batch, labels: LABELS, masks });
  const alone = LABELS.map((label, i) =>
    valueAndGradient(model, {
      images: tf.slice(batch, i, 1),
      labels: [label],
      masks: tf.slice(masks, i, 1),
    }),
  );
  closeTo(t, [together.value], [alone.reduce((sum, { value }) => sum + value, 0) / 3]);
  closeTo(
    t,
    together.gradient,
    together.gradient.map((_, j) => alone.reduce((sum, { gradient }) => sum + gradient[j]!, 0) / 3),
  );
});

test('trap 3: a negative logit does not flip the map', (t) => {
  const maps = [0, -50].map((shift) => {
    const model = net();
    const bias = variablesOf(model).at(-1)!;
    bias.assign(tf.add(bias, shift));
    const loss = gainLoss(
      model,
      { images: images(), labels: LABELS },
      { training: false, targetLayer: 'target' },
    );
    t.is(scalar(tf.max(loss.logits)) < 0, shift < 0);
    return Array.from(loss.maps!.dataSync());
  });
  t.true(norm(maps[0]!) > 0);
  closeTo(t, maps[1]!, maps[0]!);
});

test('trap 4: each masked image is judged by its own class, under the link of the classification loss', (t) => {
  const model = net();
  const pairs = LABELS.flatMap((classes, b) => classes.map((c) => ({ c, share: 1 / classes.length / 3, b })));
  for (const link of ['sigmoid', 'softmax'] as const) {
    const options = { link, weights: MINING_ONLY, training: false, targetLayer: 'target' };
    const loss = gainLoss(model, { images: images(), labels: LABELS }, options);
    const logits = (model.predict(loss.maskedImages!) as tf.Tensor2D).arraySync();
    const expected = pairs.map(({ c, share }, p) => {
      const row = logits[p]!;
      const exps = row.reduce((sum, z) => sum + Math.exp(z), 0);
      return share * (link === 'sigmoid' ? 1 / (1 + Math.exp(-row[c]!)) : Math.exp(row[c]!) / exps);
    });
    closeTo(t, [scalar(loss.mining!)], [expected.reduce((a, b) => a + b)]);
  }
});

test('trap 4: the sigmoid loss does not fall when only the other classes rise', (t) => {
  const only1 = { images: images(), labels: [[1], [1], [1]] };
  const mined = [0, 5].map((rise) => {
    const model = net();
    const bias = variablesOf(model).at(-1)!;
    bias.assign(tf.add(bias, tf.tensor1d([rise, 0, rise])));
    return valueAndGradient(model, only1, { link: 'sigmoid', weights: MINING_ONLY }).value;
  });
  closeTo(t, [mined[1]!], [mined[0]!]);
});

test('trap 5: the soft mask has a gradient at its defaults, and one so steep that it has none is refused', (t) => {
  const options = { weights: MINING_ONLY, miningGradient: 'mask' } as const;
  const { gradient } = valueAndGradient(net(), { images: images(), labels: LABELS }, options);
  t.true(norm(gradient) > 1e-3);
  const { softMasks } = gainLoss(net(), { images: images(), labels: LABELS }, { targetLayer: 'target' });
  const pixels = Array.from(softMasks!.dataSync());
  t.true(pixels.filter((value) => value > 0.01 && value < 0.99).length > pixels.length / 3);
  t.throws(() => gainLoss(net(), { images: images(), labels: LABELS }, { softMask: { omega: 1e5 } }), {
    name: 'UsageError',
    message: /^softMask\.omega: must be above 0 and at most 500 .* was 100000$/,
  });
});

test('trap 6: masked images do not move the moving averages of batch norm, unless asked to', (t) => {
  const layers: LayerSpec[] = [
    conv,
    { kind: 'batchNorm' },
    pool,
    target,
    conv,
    { kind: 'batchNorm' },
    gap,
    dense,
  ];
  const averagesAfter = (options: GainLossOptions) => {
    const model = net(layers);
    const before = averages(model);
    tf.tidy(
      () =>
        gainLoss(model, { images: images(), labels: LABELS }, { targetLayer: 'target', ...options }).total,
    );
    t.notDeepEqual(averages(model), before);
    return averages(model);
  };
  const averages = (model: tfl.LayersModel) =>
    model.nonTrainableWeights.flatMap((weight) => Array.from(weight.read().dataSync()));

  const onePass = averagesAfter({ weights: { mining: 0, supervision: 0 } });
  for (const miningGradient of ['all', 'mask', 'parameters'] as const) {
    t.deepEqual(averagesAfter({ miningGradient }), onePass);
    t.deepEqual(averagesAfter({ miningGradient, secondPassBatchNorm: 'inference' }), onePass);
  }
  t.notDeepEqual(averagesAfter({ secondPassBatchNorm: 'update' }), onePass);
});

test('trap 7: a dead map gives a finite loss without gradient, and its share is reported', (t) => {
  // The target layer is not negative and class 0 weighs all of it negatively: its map is dead in any image.
  const model = net([conv, pool, target, gap, dense]);
  const kernel = variablesOf(model).at(-2)!;
  const sign = tf.tensor1d([-1, 1, 1]);
  kernel.assign(tf.mul(tf.abs(kernel), sign));
  const pair = images(2);
  const masks = tf.ones([2, 12, 12]) as tf.Tensor3D;

  for (const weights of [MINING_ONLY, { classification: 0, mining: 0, supervision: 1 }]) {
    for (const normalization of ['min-max', 'max', 'none'] as const) {
      const dead = valueAndGradient(
        model,
        { images: pair, labels: [[0], [0]], masks },
        { weights, normalization },
      );
      t.is(dead.value, weights.mining === 1 ? 0 : 1);
      t.true(dead.gradient.every((value) => value === 0));
    }
  }
  const mixed = valueAndGradient(model, { images: pair, labels: [[0], [1]] }, { weights: MINING_ONLY });
  const alive = valueAndGradient(
    model,
    { images: tf.slice(pair, 1, 1), labels: [[1]] },
    { weights: MINING_ONLY },
  );
  closeTo(t, [mixed.value], [alive.value / 2]);
  closeTo(
    t,
    mixed.gradient,
    alive.gradient.map((value) => value / 2),
  );
  t.true(norm(alive.gradient) > 0);

  const options = { training: false, pairCapacity: 7 };
  const loss = gainLoss(model, { images: pair, labels: [[0, 2], [1]] }, options);
  t.is(scalar(loss.deadShare!), Math.fround(1 / 3));
});

test('trap 8: mining reaches the map, the second pass, or both, and the two parts add up', (t) => {
  const batch = { images: images(), labels: LABELS };
  const options = { weights: MINING_ONLY, differentiateWeights: false };
  const part = (miningGradient: 'all' | 'mask' | 'parameters') =>
    valueAndGradient(net(), batch, { ...options, miningGradient });
  const [all, mask, parameters] = [part('all'), part('mask'), part('parameters')];
  closeTo(t, [mask.value], [all.value]);
  closeTo(t, [parameters.value], [all.value]);

  // With constant channel weights, the dense layer has a gradient by the second pass alone.
  t.is(norm(mask.perWeight.at(-2)!), 0);
  t.true(norm(mask.perWeight[0]!) > 0);
  t.true(norm(all.perWeight.at(-2)!) > 0);
  closeTo(
    t,
    all.gradient,
    mask.gradient.map((value, i) => value + parameters.gradient[i]!),
  );

  const model = net();
  const { maskedImages } = gainLoss(model, batch, { ...options, training: false, targetLayer: 'target' });
  const own = tf.oneHot(tf.tensor1d(LABELS.flat(), 'int32'), 3);
  const share = tf.tensor2d([1 / 6, 1 / 6, 1 / 3, 1 / 9, 1 / 9, 1 / 9], [6, 1]);
  const fixed = tf.variableGrads(() => {
    const scores = tf.sigmoid(model.apply(maskedImages!, { training: false }) as tf.Tensor);
    return tf.sum(tf.mul(tf.mul(scores, own), share));
  }, variablesOf(model)).grads;
  closeTo(
    t,
    parameters.gradient,
    variablesOf(model).flatMap(({ name }) => Array.from(fixed[name]!.dataSync())),
  );
});

test('every seed repeats, 0 too, which tfjs takes for none', (t) => {
  const images = tf.tensor4d([0, 1, 2, 3], [1, 2, 2, 1]);
  const noise = (seed: number) => Array.from(holeFilling(images, 'noise', seed)!.dataSync());
  for (const seed of [0, 1, 7]) t.deepEqual(noise(seed), noise(seed), `seed ${seed}`);
  t.notDeepEqual(noise(0), noise(1));
  const classes = Array.from({ length: 20 }, () => [0, 1, 2, 3]);
  t.deepEqual(randomPairs(classes, 0), randomPairs(classes, 0));
  t.notDeepEqual(randomPairs(classes, 0), randomPairs(classes, 1));
});
