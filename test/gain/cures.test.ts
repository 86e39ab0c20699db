import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { type GuidanceOptions, guidanceTerms, mostAttended } from '../../src/gain/guidance/index.ts';
import { climbedNeighbour, drawnNeighbours } from '../../src/gain/guidance/neighbours.ts';
import { otherImages } from '../../src/gain/guidance/other-images.ts';
import { type GainBatch, gainLoss, removeRegion, type StepContext } from '../../src/gain/objective/index.ts';
import { GainTrainer } from '../../src/gain/trainer.ts';
import { forward, inputGradients } from '../../src/gradcam/index.ts';
import { crossEntropies, robustGradientPenalty } from '../../src/losses/index.ts';
import { batchOf, blocks, images, norm, off } from './guided-batch.ts';
import { type LayerSpec, numbers, referenceNet } from './reference-net.ts';

type TermName = Exclude<keyof GuidanceOptions, 'maps'>;

interface Case {
  title: string;
  term: TermName | 'neighbours';
  layers: LayerSpec[];
  seed: number;
  labels: number[][];
  link: 'softmax' | 'sigmoid';
  maskPairs: [number, number][];
  options: { marks?: 'must-not-matter'; [option: string]: unknown };
  value: number;
  gradients: number[][];
}

const fixture: { networks: Case[]; mostAttended: { deviations: number; regions: number[] } } = JSON.parse(
  readFileSync(new URL('../fixtures/cures.json', import.meta.url), 'utf8'),
);

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
});

const termOf = (name: TermName, options: object, maps: object = { targetLayer: 'target' }) =>
  guidanceTerms({ maps, [name]: { weight: 1, ...options } }).map((one) => ({ ...one, weight: 1 }));

/** R4 on the reference's own neighbours: what the term does, with noise that PyTorch can repeat. */
const givenNeighbours = {
  name: 'neighbours',
  weight: 1,
  loss({ model, inputs, multiHot, link, pass, batch }: StepContext) {
    const { masks, maskPairs } = batch;
    const rows = [0, 1, 2].map((b) => maskPairs!.findIndex(({ sample }) => sample === b));
    const irrelevant = tf.stack(
      rows.map((m) => (m < 0 ? tf.zeros([12, 12]) : tf.slice(masks!, m, 1).reshape([12, 12]))),
    ) as tf.Tensor3D;
    const gradients = [87, 88].map((seed) => {
      const noise = tf.mul(tf.tensor4d(numbers(seed, 3 * 432), [3, 12, 12, 3]), 0.2);
      const near = tf.add(inputs[0]!, tf.mul(noise, tf.expandDims(irrelevant, 3)));
      return inputGradients(model, near, (logits) => crossEntropies(logits, multiHot, link), pass);
    });
    return robustGradientPenalty(gradients, irrelevant, {
      weights: tf.tensor1d(rows.map((m) => Number(m >= 0))),
    });
  },
};

function lossAndGradients(model: tfl.LayersModel, { term, link, options, ...rest }: Case) {
  const { marks: _, ...chosen } = options;
  const terms = term === 'neighbours' ? [givenNeighbours] : termOf(term, chosen);
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const { value, grads } = tf.variableGrads(
    () =>
      gainLoss(model, batchOf({ ...rest, options }), { link, weights: off, terms, training: false }).total,
    variables,
  );
  return {
    value: value.dataSync()[0]!,
    gradients: variables.map((one) => [...(grads[one.name]?.dataSync() ?? new Float32Array(one.size))]),
  };
}

for (const one of fixture.networks) {
  test(`the term and its gradient for all weights equal PyTorch: ${one.title}`, (t) => {
    const { value, gradients } = lossAndGradients(referenceNet(one.layers, one.seed), one);
    t.true(Math.abs(value - one.value) <= 1e-4 * Math.abs(one.value), `${value}, expected ${one.value}`);
    const whole = norm(one.gradients.map(norm));
    t.true(whole > 0);
    one.gradients.forEach((expected, i) => {
      const distance = norm(expected.map((g, j) => g - gradients[i]![j]!));
      t.true(distance <= 1e-4 * (norm(expected) + 0.01 * whole), `weight ${i}: off by ${distance}`);
    });
  });
}

const XIL = fixture.networks[0]!;
const single = {
  labels: [[1], [0], [2]],
  maskPairs: [
    [0, 1],
    [2, 2],
  ] as [number, number][],
  options: {},
};

function termValue(name: TermName, batch: GainBatch, options: object = {}, seed = 3): number {
  const terms = termOf(name, options);
  return tf.tidy(
    () =>
      gainLoss(referenceNet(XIL.layers, 5), batch, {
        link: 'softmax',
        weights: off,
        terms,
        training: false,
        seed,
      }).total.dataSync()[0]!,
  );
}

test("Rand-R4's neighbours differ from the image where nothing should matter alone, by 0 to epsilon", (t) => {
  const irrelevant = blocks(3);
  const [one, two] = drawnNeighbours(images, irrelevant, { epsilon: 0.2, draws: 2, seed: 4 });
  const differences = Array.from(tf.sub(one!, images).dataSync());
  const inside = tf.mul(tf.expandDims(irrelevant, 3), tf.onesLike(images)).dataSync();
  const noise = differences.filter((_, i) => inside[i] === 1);
  t.true(differences.every((d, i) => (inside[i] === 1 ? d > -1e-6 && d < 0.2 + 1e-6 : d === 0)));
  t.true(Math.abs(noise.reduce((a, b) => a + b, 0) / noise.length - 0.1) < 0.02, 'the mean of U(0, 0.2)');
  t.notDeepEqual([...two!.dataSync()], [...one!.dataSync()]);
  const [again] = drawnNeighbours(images, irrelevant, { epsilon: 0.2, draws: 2, seed: 4 });
  t.deepEqual([...again!.dataSync()], [...one!.dataSync()]);
  t.throws(() => drawnNeighbours(images, irrelevant, { epsilon: 0, draws: 1, seed: 1 }), {
    message: /epsilon.*was 0/,
  });
  t.throws(() => drawnNeighbours(images, irrelevant, { epsilon: 1, draws: 0, seed: 1 }), {
    message: /draws.*was 0/,
  });
});

test("PGD-R4's neighbour climbs the loss, and no further than epsilon", (t) => {
  const irrelevant = tf.onesLike(blocks(3));
  const model = referenceNet(XIL.layers, 5);
  const labels = tf.tensor2d([0, 1, 0, 1, 0, 0, 0, 0, 1], [3, 3]);
  const lossAt = (x: tf.Tensor4D) => crossEntropies(forward(model, x), labels, 'softmax');
  const slope = (x: tf.Tensor4D) =>
    inputGradients(model, x, (logits) => crossEntropies(logits, labels, 'softmax'));
  const near = climbedNeighbour(images, irrelevant, slope, { epsilon: 0.02, steps: 4 });
  const away = tf.sub(near, images).dataSync();
  t.true(away.every((d) => Math.abs(d) <= 0.02 + 1e-6));
  const [before, after] = [lossAt(images).dataSync(), lossAt(near).dataSync()];
  for (const [b, value] of before.entries()) t.true(after[b]! > value, `image ${b}: ${value} to ${after[b]}`);
  t.throws(() => climbedNeighbour(images, irrelevant, slope, { epsilon: 1, steps: 0.5 }), {
    message: /steps.*0.5/,
  });
});

test('Rand-R4 is at least the penalty at the weakest of its neighbours, and RRR-like at a tiny epsilon', (t) => {
  const batch = batchOf({ ...single, options: { marks: 'must-not-matter' } });
  const tiny = termValue('randR4', batch, { epsilon: 1e-6, draws: 2 });
  const wide = termValue('randR4', batch, { epsilon: 0.3, draws: 6 });
  const fewer = termValue('randR4', batch, { epsilon: 0.3, draws: 2 });
  t.true(wide >= fewer && fewer > 0, `${wide} of six neighbours, ${fewer} of the first two`);
  // At the image itself: PGD whose one step may go nowhere.
  const still = termValue('pgdR4', batch, { epsilon: 1e-6, steps: 1 });
  t.true(Math.abs(tiny - still) <= 1e-3 * still, `${tiny}, ${still}`);
});

test('counterexamples: noise where nothing should matter, the same label; the classification loss of masked images', (t) => {
  const model = referenceNet(XIL.layers, 5);
  const batch = batchOf({ ...single, options: { marks: 'must-not-matter' } });
  const value = termValue('counterexamples', batch);
  // By hand: the same noise, the two masked images.
  const irrelevant = tf.stack([
    tf.slice(blocks(2), 0, 1).reshape([12, 12]),
    tf.zeros([12, 12]),
    tf.slice(blocks(2), 1, 1).reshape([12, 12]),
  ]) as tf.Tensor3D;
  const noise = tf.randomUniform<tf.Rank.R4>([3, 12, 12, 3], 0, 1, 'float32', 3 + 104_729);
  const logits = forward(model, removeRegion(images, irrelevant, noise));
  const costs = crossEntropies(
    logits,
    tf.tensor2d([0, 1, 0, 1, 0, 0, 0, 0, 1], [3, 3]),
    'softmax',
  ).dataSync();
  t.true(Math.abs(value - (costs[0]! + costs[2]!) / 2) < 1e-5);
  t.not(termValue('counterexamples', batch, {}, 4), value);
});

test('another ground is an image without the class; where every image shows it the pair does not count', (t) => {
  const labels = [[0, 1], [0], [0, 2], [0]];
  const drawn = Array.from({ length: 40 }, (_, seed) =>
    otherImages({ labels, seed }, [
      { sample: 0, class: 1 },
      { sample: 2, class: 2 },
      { sample: 1, class: 0 },
    ]),
  );
  for (const { samples, found } of drawn) {
    t.deepEqual(found, [1, 1, 0]);
    t.false(labels[samples[0]!]!.includes(1));
    t.false(labels[samples[1]!]!.includes(2));
  }
  t.deepEqual([...new Set(drawn.map(({ samples }) => samples[0]))].sort(), [1, 2, 3]);
  const everywhere = { ...batchOf(single), labels: [[1], [1], [1]], maskPairs: [{ sample: 0, class: 1 }] };
  t.is(Math.abs(termValue('keep', { ...everywhere, masks: blocks(1) })), 0);
});

test('most attended: above the mean by so many standard deviations, as NumPy has it; a flat map attends to nothing', (t) => {
  const { deviations, regions } = fixture.mostAttended;
  const values = Float32Array.from(numbers(86, 90));
  values.fill(0.25, 30, 60);
  const attended = mostAttended(tf.tensor3d(values, [3, 6, 5]), deviations);
  t.deepEqual([...attended.dataSync()], regions);
});

test('MaskTune needs no masks, nor does what signed says of absent classes; the rest is 0 without', (t) => {
  const { masks: _, maskPairs: __, ...bare } = batchOf(single);
  for (const name of ['maskTune', 'signed'] as const) t.true(termValue(name, bare) > 0, name);
  for (const name of ['erase', 'keep', 'counterexamples', 'randR4', 'pgdR4', 'rbr'] as const) {
    t.is(Math.abs(termValue(name, bare)), 0, name);
  }
  t.is(Math.abs(termValue('signed', bare, { absent: false })), 0);
  t.is(Math.abs(termValue('signed', { ...bare, labels: [[1], [1], [1]] }, { classes: [1] })), 0);
});

test('CAM and Grad-CAM behind pooling and one dense layer: signed evidence has the scale of the logit without bias', (t) => {
  const layers: LayerSpec[] = [
    { kind: 'conv', filters: 4, activation: 'relu', name: 'target' },
    { kind: 'globalPool' },
    { kind: 'dense', units: 3 },
  ];
  const model = referenceNet(layers, 9);
  const bias = model.layers.at(-1)!.getWeights()[1]!.dataSync();
  const logits = forward(model, images).arraySync();
  // One sign per map would be the logit itself; of mixed maps the sum of sizes is larger.
  const terms = (method: string) => termOf('signed', {}, { targetLayer: 'target', method });
  const loss = (method: string) =>
    gainLoss(
      model,
      { images, labels: [[], [], []] },
      { link: 'sigmoid', weights: off, terms: terms(method), training: false },
    ).total.dataSync()[0]!;
  const mean = logits.flat().reduce((sum, z, i) => sum + Math.abs(z - bias[i % 3]!) / 9, 0);
  t.true(loss('cam') >= mean - 1e-4);
  t.true(Math.abs(loss('cam') - loss('grad-cam')) < 1e-4 * loss('cam'), 'the same scale');
});

test('a training with all of them: each is logged, an ended weight is gone, nothing leaks', async (t) => {
  const names = ['erase', 'keep', 'counterexamples', 'randR4', 'pgdR4', 'rbr', 'signed', 'maskTune'] as const;
  const options = Object.fromEntries(names.map((name) => [name, { weight: 1e-3, draws: 2, steps: 2 }]));
  const trainer = new GainTrainer(referenceNet(XIL.layers, 5), {
    targetLayer: 'target',
    link: 'softmax',
    weights: {
      classification: { weight: 1, startEpoch: 0, rampEpochs: 0, endEpoch: 2 },
      mining: 0,
      supervision: 0,
    },
    terms: guidanceTerms({ maps: { targetLayer: 'target' }, ...options }),
    optimizer: { name: 'sgd', learningRate: 1e-5 },
  });
  const seen: string[][] = [];
  const counts: number[] = [];
  await trainer.fitDataset([batchOf(single)], {
    epochs: 3,
    callbacks: {
      onBatchEnd: (_, { losses }) => {
        seen.push(Object.keys(losses));
        counts.push(tf.memory().numTensors);
      },
    },
  });
  t.deepEqual(seen[1]!.slice().sort(), ['total', 'classification', ...names].sort());
  t.deepEqual(seen[2]!.slice().sort(), ['total', ...names].sort());
  t.is(counts[2], counts[1]);
});
