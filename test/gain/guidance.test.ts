import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { parseConfig } from '../../src/config/index.ts';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { guidanceOptionsOf, guidanceWithoutMasks } from '../../src/experiment/objective-from-config.ts';
import { type GuidanceOptions, guidanceTerms } from '../../src/gain/guidance/index.ts';
import { type GainBatch, gainLoss } from '../../src/gain/objective/index.ts';
import { GainTrainer } from '../../src/gain/trainer.ts';
import { batchOf, norm, off } from './guided-batch.ts';
import { type LayerSpec, referenceNet } from './reference-net.ts';

type TermName = Exclude<keyof GuidanceOptions, 'maps'>;

interface Case {
  title: string;
  term: TermName;
  layers: LayerSpec[];
  seed: number;
  labels: number[][];
  link: 'softmax' | 'sigmoid';
  maskPairs: [number, number][];
  options: {
    marks?: 'must-not-matter';
    training?: boolean;
    differentiateWeights?: boolean;
    method?: 'grad-cam++';
    relu?: boolean;
    resolution?: 'map';
    pixels?: 'mean';
    images?: 'sum' | 'batch';
  };
  value: number;
  gradients: number[][];
}

const { networks }: { networks: Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/right-reasons.json', import.meta.url), 'utf8'),
);

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
});

function lossAndGradients(model: tfl.LayersModel, { term, link, options, ...rest }: Case) {
  const { marks: _, training = false, pixels, images: reduction, ...maps } = options;
  const terms = guidanceTerms({
    maps: { targetLayer: 'target', ...maps },
    [term]: { weight: 1, images: reduction, ...(pixels && { pixels }) },
  }).map((one) => ({ ...one, weight: 1 }));
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const { value, grads } = tf.variableGrads(
    () => gainLoss(model, batchOf({ ...rest, options }), { link, weights: off, terms, training }).total,
    variables,
  );
  return {
    value: value.dataSync()[0]!,
    gradients: variables.map((one) => [...(grads[one.name]?.dataSync() ?? new Float32Array(one.size))]),
  };
}

for (const one of networks) {
  test(`the term and its gradient for all weights equal PyTorch: ${one.title}`, (t) => {
    const { value, gradients } = lossAndGradients(referenceNet(one.layers, one.seed), one);
    t.true(Math.abs(value - one.value) <= 1e-4 * Math.abs(one.value), `${value}, expected ${one.value}`);
    const whole = norm(one.gradients.map(norm));
    one.gradients.forEach((expected, i) => {
      const distance = norm(expected.map((g, j) => g - gradients[i]![j]!));
      t.true(distance <= 1e-4 * (norm(expected) + 0.01 * whole), `weight ${i}: off by ${distance}`);
    });
  });
}

test('with constant map weights nothing behind the target layer learns from a map; differentiated, it does', (t) => {
  for (const name of ['HINT', 'RRR-G']) {
    const [whole, constant] = [name, `${name}, constant weights`].map((title) => {
      const one = networks.find((network) => network.title === title)!;
      return lossAndGradients(referenceNet(one.layers, one.seed), one).gradients;
    });
    // Kernel and bias of the two layers up to the target come first.
    t.is(norm(constant!.slice(4).flat()), 0, name);
    t.true(norm(whole!.slice(4).flat()) > 0.05 * norm(whole!.flat()), name);
  }
});

const ALL: GuidanceOptions = {
  maps: { targetLayer: 'target' },
  rrr: { weight: 1 },
  rrrG: { weight: 1 },
  hint: { weight: 1 },
  energy: { weight: 1 },
  ppce: { weight: 1 },
  l1: { weight: 1 },
  rrrStar: { weight: 1 },
  isnet: { weight: 1 },
};
const XIL = networks[0]!;
const single = { labels: [[1], [0], [2]], maskPairs: [[0, 1]] as [number, number][], options: {} };

function losses(batch: GainBatch, options = ALL, weights: object = off): Record<string, number> {
  const terms = guidanceTerms(options).map((one) => ({ ...one, weight: 1 }));
  const {
    total,
    terms: made,
    supervision,
  } = gainLoss(referenceNet(XIL.layers, 5), batch, {
    link: 'softmax',
    targetLayer: 'target',
    weights,
    terms,
    training: false,
  });
  const values = { ...made, total, ...(supervision && { supervision }) };
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, value.dataSync()[0]!]));
}

test('images without masks contribute nothing: the batch is as good as its masked image', (t) => {
  const { images: all, ...rest } = batchOf(single);
  const alone = tf.slice(all as tf.Tensor4D, [0, 0, 0, 0], [1, -1, -1, -1]);
  const [whole, one] = [losses({ images: all, ...rest }), losses({ ...rest, images: alone, labels: [[1]] })];
  t.is(Object.keys(whole).length, 9);
  for (const [name, value] of Object.entries(whole)) {
    t.true(Math.abs(value - one[name]!) <= 1e-5 * Math.abs(value), `${name}: ${value}, alone ${one[name]}`);
    t.true(value > 0, name);
  }
});

test('a batch without masks, or whose masks are of other labels, gives 0 with a gradient of 0', (t) => {
  const model = referenceNet(XIL.layers, 5);
  const { masks: _, maskPairs: __, ...bare } = batchOf(single);
  for (const batch of [bare, { ...batchOf(single), maskPairs: [{ sample: 0, class: 2 }] }]) {
    const terms = guidanceTerms(ALL).map((one) => ({ ...one, weight: 1 }));
    const { value, grads } = tf.variableGrads(
      () => gainLoss(model, batch, { link: 'softmax', weights: off, terms, training: false }).total,
    );
    t.is(Math.abs(value.dataSync()[0]!), 0);
    for (const grad of Object.values(grads)) t.true(grad.dataSync().every((g) => Math.abs(g) === 0));
  }
});

test('masks of what must not matter are the complement of masks of what matters, for L_e too', (t) => {
  const matters = batchOf(single);
  const complement = {
    ...matters,
    masks: tf.sub<tf.Tensor3D>(1, matters.masks!),
    marks: 'must-not-matter' as const,
  };
  const weights = { ...off, supervision: 1 };
  const [a, b] = [losses(matters, ALL, weights), losses(complement, ALL, weights)];
  t.true('supervision' in a);
  for (const [name, value] of Object.entries(a)) {
    t.true(Math.abs(value - b[name]!) <= 1e-5 * Math.abs(value), `${name}: ${value}, ${b[name]}`);
  }
});

test('HINT with its defaults is L_e', (t) => {
  const { hint, supervision } = losses(batchOf(single), ALL, { ...off, supervision: 1 });
  t.true(Math.abs(hint! - supervision!) < 1e-6);
});

test('a clipped term is its ceiling, and has no gradient', (t) => {
  const clipped = losses(batchOf(single), {
    maps: { targetLayer: 'target' },
    hint: { weight: 1, clip: 1e-3 },
  });
  t.true(Math.abs(clipped.hint! - 1e-3) < 1e-9);
});

test('boxes serve where there are no masks', (t) => {
  const box = { sample: 0, class: 1, xmin: 3 / 12, xmax: 7 / 12, ymin: 1 / 12, ymax: 5 / 12 };
  const { masks: _, maskPairs: __, ...bare } = batchOf(single);
  const [masked, boxed] = [losses(batchOf(single)), losses({ ...bare, boxes: [box] })];
  for (const [name, value] of Object.entries(masked)) {
    t.true(Math.abs(value - boxed[name]!) <= 1e-5 * value, name);
  }
});

test('terms join those of GAIN, follow their schedules, are logged by name, and leak nothing', async (t) => {
  const { energy: _, ...rest } = ALL;
  const trainer = new GainTrainer(referenceNet(XIL.layers, 5), {
    targetLayer: 'target',
    link: 'softmax',
    terms: guidanceTerms({ ...rest, energy: { weight: { weight: 2, startEpoch: 1, rampEpochs: 0 } } }),
    optimizer: { name: 'sgd', learningRate: 0.001 },
  });
  const reports: Record<string, number>[] = [];
  const counts: number[] = [];
  await trainer.fitDataset([batchOf(single)], {
    epochs: 3,
    callbacks: {
      onBatchEnd: (_, { losses }) => {
        reports.push({ ...losses });
        counts.push(tf.memory().numTensors);
      },
    },
  });
  t.false('energy' in reports[0]!);
  const { total, classification, mining, supervision, energy, ...others } = reports[1]!;
  const sum = Object.values(others).reduce((a, b) => a + b, 0) + classification! + mining!;
  t.true(Math.abs(total! - (sum + 10 * supervision! + 2 * energy!)) < 1e-4 * total!);
  t.is(counts[2], counts[1]);
});

test('the config: weights above 0 become terms on the maps of gain; no masks, no terms; a trap is refused', (t) => {
  const config = parseConfig(
    `name: x
data: { masks: { count: 5, mark: must-not-matter } }
gain: { method: grad-cam++, targetLayer: conv2, differentiateWeights: false }
guidance: { losses: { rrr: { weight: 10, images: sum, startEpoch: 2 }, energy: { weight: 1 } } }
`,
    'x.yaml',
  );
  const options = guidanceOptionsOf(config, ['a', 'b']);
  t.deepEqual(options, {
    rrr: {
      weight: { weight: 10, startEpoch: 2, rampEpochs: 0, endEpoch: null },
      images: 'sum',
      pixels: 'sum',
      clip: null,
    },
    energy: {
      weight: { weight: 1, startEpoch: 0, rampEpochs: 0, endEpoch: null },
      images: 'masked',
      clip: null,
    },
    maps: {
      method: 'grad-cam++',
      targetLayer: 'conv2',
      differentiateWeights: false,
      relu: true,
      resolution: 'mask',
    },
  });
  const unmasked = { ...config, data: { ...config.data, masks: { ...config.data.masks, count: 0 } } };
  t.deepEqual(guidanceTerms(guidanceOptionsOf(unmasked, ['a', 'b'])), []);
  t.deepEqual(guidanceWithoutMasks(unmasked), ['rrr', 'energy']);
  t.deepEqual(guidanceWithoutMasks(config), []);
  const parse = (text: string) => () => parseConfig(`name: x\n${text}`, 'x.yaml');
  t.throws(parse('guidance: { losses: { rrr: { weight: 1, startEpoch: 99 } } }'), { message: /never start/ });
  t.throws(parse('data: { masks: { mark: must-not-matter } }\ntraining: { selectBy: energyInMask }'), {
    message: /selectBy.*best where the map is worst/,
  });
});

test('the config: terms on answers and signed maps; classes by name; what needs no masks goes on without', (t) => {
  const config = parseConfig(
    `name: x
data: { masks: { count: 0 } }
training: { epochs: 11 }
gain: { losses: { classification: { endEpoch: 10 } } }
guidance:
  losses:
    erase: { weight: 1, fill: blur }
    signed: { weight: .1, classes: [boat] }
    maskTune: { weight: 1, startEpoch: 10 }
`,
    'x.yaml',
  );
  const { signed, maskTune, ...rest } = guidanceOptionsOf(config, ['car', 'boat']);
  t.deepEqual(Object.keys(rest), ['maps']);
  t.deepEqual(signed, {
    weight: { weight: 0.1, startEpoch: 0, rampEpochs: 0, endEpoch: null },
    images: 'masked',
    clip: null,
    norm: 'l1',
    pixels: undefined,
    classes: [1],
    absent: true,
  });
  t.like(maskTune, { weight: { startEpoch: 10 }, deviations: 2 });
  t.deepEqual(guidanceWithoutMasks(config), ['erase']);
  t.throws(() => guidanceOptionsOf(config, ['car']), {
    message: /signed.classes: no class 'boat'.*it has car/,
  });
  const parse = (text: string) => () => parseConfig(`name: x\n${text}`, 'x.yaml');
  t.throws(parse('guidance: { losses: { erase: { weight: 1, startEpoch: 3, endEpoch: 3 } } }'), {
    message: /erase.endEpoch.*end before it starts/,
  });
  const teacher = (more: string) =>
    parse(
      `${more}\ndistillation: { teacher: { model: m, sees: object, maps: live }, losses: { explanation: { weight: 1 } } }`,
    );
  t.notThrows(teacher('data: { masks: { count: 3 } }'));
  t.throws(teacher('data: { masks: { count: 0 } }'), {
    message: /sees.*without masks this teacher sees nothing/,
  });
  t.throws(
    parse(
      'distillation: { teacher: { model: m, sees: object, maps: precomputed }, losses: { explanation: { weight: 1 } } }',
    ),
    {
      message: /teacher.maps.*expected live/,
    },
  );
});
