import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { type DistillationOptions, distillationTerms } from '../../src/gain/distillation/index.ts';
import { gainLoss } from '../../src/gain/objective/index.ts';
import { GainTrainer } from '../../src/gain/trainer.ts';
import { saveLayersModel } from '../../src/models/index.ts';
import { loadTeacher } from '../../src/run/index.ts';
import { type LayerSpec, numbers, referenceNet } from './reference-net.ts';

interface Case {
  title: string;
  term: string;
  method: 'grad-cam' | 'grad-cam++';
  differentiateWeights: boolean;
  student: { layers: LayerSpec[]; seed: number };
  teacher: { layers: LayerSpec[]; seed: number };
  value: number;
  gradients: number[][];
}

interface Tea {
  student: Case['student'];
  teacher: Case['teacher'];
  terms: Record<string, { value: number; gradients: number[][] }>;
}

const { networks }: { networks: Case[] } = JSON.parse(
  readFileSync(new URL('../fixtures/distillation.json', import.meta.url), 'utf8'),
);

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
});

const LABELS = [1, 0, 2];
const images = tf.tidy(() => tf.add(tf.tensor4d(numbers(7, 3 * 432), [3, 12, 12, 3]), 0.5) as tf.Tensor4D);
const off = { classification: 0, mining: 0, supervision: 0 };

const networkOf = ({ layers, seed }: Case['student']) => referenceNet(layers, seed);
const variablesOf = (model: tfl.LayersModel) =>
  model.trainableWeights.map((weight) => weight.read() as tf.Variable);
const norm = (values: ArrayLike<number>) => Math.hypot(...Array.from(values));

function optionsOf({ term, method, differentiateWeights }: Case): DistillationOptions {
  const maps = { method, differentiateWeights, studentLayer: 'target', teacherLayer: 'target' };
  const byFunction: Record<string, DistillationOptions> = {
    softTargets: { softTargets: { weight: 1 } },
    explanationDistance: { explanation: { weight: 1 } },
    explanationSimilarity: { similarity: { weight: 1 } },
    attentionL1: { attentionL1: { weight: 1 } },
    attentionTransfer: { attentionTransfer: { weight: 1 } },
    classAttentionTransfer: { classAttention: { weight: 1 } },
  };
  return { maps, ...byFunction[term]! };
}

/** Value of the one term that `options` ask for, and its gradient for every weight of the student. */
function gradientsOf(student: tfl.LayersModel, teacher: tfl.LayersModel, options: DistillationOptions) {
  const terms = distillationTerms(teacher, options).map((term) => ({ ...term, weight: 1 }));
  const variables = variablesOf(student);
  const { value, grads } = tf.variableGrads(
    () => gainLoss(student, { images, labels: LABELS }, { weights: off, terms, training: false }).total,
    variables,
  );
  return {
    value: value.dataSync()[0]!,
    gradients: variables.map(
      (variable) => grads[variable.name]?.dataSync() ?? new Float32Array(variable.size),
    ),
  };
}

for (const one of networks) {
  test(`the term and its gradient for all weights of the student equal PyTorch: ${one.title}`, (t) => {
    const { value, gradients } = gradientsOf(networkOf(one.student), networkOf(one.teacher), optionsOf(one));
    t.true(Math.abs(value - one.value) <= 1e-4 * Math.abs(one.value), `${value}, expected ${one.value}`);
    const whole = norm(one.gradients.map(norm));
    one.gradients.forEach((expected, i) => {
      const distance = norm(expected.map((g, j) => g - gradients[i]![j]!));
      t.true(distance <= 1e-4 * (norm(expected) + 0.01 * whole), `weight ${i}: off by ${distance}`);
    });
  });
}

test('a teacher that sees the object alone teaches the images with masks, as in PyTorch; the others add nothing', (t) => {
  const { tea }: { tea: Tea } = JSON.parse(
    readFileSync(new URL('../fixtures/cures.json', import.meta.url), 'utf8'),
  );
  const [student, teacher] = [networkOf(tea.student), networkOf(tea.teacher)];
  const masks = tf.buffer([2, 12, 12]);
  for (const m of [0, 1])
    for (let y = 2 * m + 1; y < 2 * m + 5; y++) for (let x = 3; x < 7 + m; x++) masks.set(1, m, y, x);
  const maskPairs = [
    { sample: 0, class: 1 },
    { sample: 2, class: 2 },
  ];
  const maps = { method: 'grad-cam', studentLayer: 'target', teacherLayer: 'target' } as const;
  const variables = variablesOf(student);
  for (const [name, expected] of Object.entries(tea.terms)) {
    const options = { maps, teacherSees: 'object', [name]: { weight: 1, temperature: 2 } } as const;
    const terms = distillationTerms(teacher, options).map((term) => ({ ...term, weight: 1 }));
    const lossOf = (batch: object) =>
      gainLoss(student, { images, labels: [1, 0, 2], ...batch }, { weights: off, terms, training: false })
        .total;
    const { value, grads } = tf.variableGrads(
      () => lossOf({ masks: masks.toTensor(), maskPairs }),
      variables,
    );
    t.true(Math.abs(value.dataSync()[0]! - expected.value) <= 1e-4 * expected.value, name);
    const whole = norm(expected.gradients.map(norm));
    expected.gradients.forEach((gradient, i) => {
      const own = grads[variables[i]!.name]?.dataSync() ?? new Float32Array(gradient.length);
      const distance = norm(gradient.map((g, j) => g - own[j]!));
      t.true(distance <= 1e-4 * (norm(gradient) + 0.01 * whole), `${name}, weight ${i}: off by ${distance}`);
    });
    t.is(Math.abs(lossOf({}).dataSync()[0]!), 0, 'without masks');
  }
});

test("the student's map is differentiated through its weights: with them constant the gradient is another", (t) => {
  const [whole, constant] = ['maps of Grad-CAM', 'maps with constant weights'].map((title) => {
    const one = networks.find((network) => network.title === title)!;
    return gradientsOf(networkOf(one.student), networkOf(one.teacher), optionsOf(one)).gradients.map((g) => [
      ...g,
    ]);
  }) as [number[][], number[][]];
  const difference = norm(whole.flatMap((g, i) => g.map((value, j) => value - constant[i]![j]!)));
  t.true(difference > 0.1 * norm(whole.flat()), `differ by ${difference}`);
});

const NET: LayerSpec[] = [
  { kind: 'conv', filters: 4, activation: 'relu' },
  { kind: 'maxPool' },
  { kind: 'conv', filters: 5, activation: 'relu', name: 'target' },
  { kind: 'globalPool' },
  { kind: 'dense', units: 3 },
];
const ALL: DistillationOptions = {
  maps: { method: 'grad-cam', studentLayer: 'target', teacherLayer: 'target' },
  softTargets: { weight: 1 },
  explanation: { weight: 1 },
  similarity: { weight: 1 },
  attentionL1: { weight: 1 },
  attentionTransfer: { weight: 1 },
  classAttention: { weight: 1 },
};

test('a student that is its teacher has nothing to learn: every term is zero', (t) => {
  const [student, teacher] = [referenceNet(NET, 3), referenceNet(NET, 3)];
  const terms = distillationTerms(teacher, ALL).map((term) => ({ ...term, weight: 1 }));
  t.deepEqual(
    terms.map(({ name }) => name),
    ['softTargets', 'explanation', 'similarity', 'attentionL1', 'attentionTransfer', 'classAttention'],
  );
  const loss = gainLoss(student, { images, labels: LABELS }, { weights: off, terms, training: false });
  for (const [name, value] of Object.entries(loss.terms)) {
    t.true(Math.abs(value.dataSync()[0]!) < 1e-5, `${name}: ${value.dataSync()[0]}`);
  }
});

test('terms join those of GAIN, follow their schedules, are logged by name, and leak nothing', async (t) => {
  const [student, teacher] = [referenceNet(NET, 3), referenceNet(NET, 4)];
  const { explanation, ...rest } = ALL;
  const trainer = new GainTrainer(student, {
    targetLayer: 'target',
    terms: distillationTerms(teacher, {
      ...rest,
      explanation: { ...explanation, weight: { weight: 2, startEpoch: 1, rampEpochs: 0 } },
    }),
    optimizer: { name: 'sgd', learningRate: 0.01 },
  });
  const teacherBefore = teacher.getWeights().map((weight) => [...weight.dataSync()]);
  const reports: Record<string, number>[] = [];
  const counts: number[] = [];
  await trainer.fitDataset([{ images, labels: LABELS }], {
    epochs: 3,
    callbacks: {
      onBatchEnd: (_, { losses, weights }) => {
        reports.push({ ...losses, weight: weights.explanation! });
        counts.push(tf.memory().numTensors);
      },
    },
  });
  t.deepEqual(
    reports.map(({ weight }) => weight),
    [0, 2, 2],
  );
  t.false('explanation' in reports[0]!);
  const { weight: _, total, mining, classification, explanation: maps, ...others } = reports[1]!;
  const sum = Object.values(others).reduce((a, b) => a + b, 0) + mining! + classification! + 2 * maps!;
  t.true(Math.abs(total! - sum) < 1e-4 * Math.abs(total!), `${total}, expected ${sum}`);
  t.is(counts[2], counts[1]);
  t.deepEqual(
    teacher.getWeights().map((weight) => [...weight.dataSync()]),
    teacherBefore,
  );
});

test('a batch without any label gives the map terms a value of 0, not NaN', (t) => {
  const terms = distillationTerms(referenceNet(NET, 4), { maps: ALL.maps, explanation: { weight: 1 } });
  const loss = gainLoss(
    referenceNet(NET, 3),
    { images, labels: [[], [], []] },
    { weights: off, terms: terms.map((term) => ({ ...term, weight: 1 })), training: false },
  );
  // Some engines say −0.
  t.is(Math.abs(loss.total.dataSync()[0]!), 0);
});

test('names of terms are checked, and a weight that is no number', (t) => {
  const term = { name: 'mining', weight: 1, loss: () => tf.scalar(0) };
  const loss = (terms: (typeof term)[]) => () =>
    gainLoss(referenceNet(NET, 3), { images, labels: LABELS }, { terms });
  t.throws(loss([term]), { message: /name of its own, "mining" is taken/ });
  t.throws(
    loss([
      { ...term, name: 'a' },
      { ...term, name: 'a' },
    ]),
    { message: /"a" is taken/ },
  );
  t.throws(loss([{ ...term, name: 'a', weight: Number.NaN }]), { message: /terms\.a: .* was NaN/ });
});

test('a teacher that does not fit is refused: classes, input size, input, folder, unfinished run', async (t) => {
  const dir = mkdtempSync(join(tmpdir(), 'teacher-'));
  await saveLayersModel(referenceNet(NET, 1), join(dir, 'three'));
  const three = join(dir, 'three');
  const fits = { classes: ['a', 'b', 'c'], imageSize: [12, 12] } as const;
  t.is((await loadTeacher(three, fits)).outputs[0]!.shape[1], 3);
  await t.throwsAsync(loadTeacher(three, { ...fits, classes: ['a', 'b'] }), {
    name: 'ModelError',
    message: /3 outputs, the student 2 classes \(a, b\)/,
  });
  await t.throwsAsync(loadTeacher(three, { ...fits, imageSize: [24, 12] }), {
    name: 'UsageError',
    message: /takes images of 12x12, not of 24x12/,
  });
  const flat = tfl.sequential({ layers: [tfl.layers.dense({ units: 3, inputShape: [4] })] });
  await saveLayersModel(flat, join(dir, 'flat'));
  await t.throwsAsync(loadTeacher(join(dir, 'flat'), fits), { message: /found \[any, 4\]/ });
  await t.throwsAsync(loadTeacher(join(dir, 'nothing'), fits), { name: 'UsageError' });
  writeFileSync(join(dir, 'config.yaml'), 'name: x\n');
  await t.throwsAsync(loadTeacher(dir, fits), { name: 'RunError', message: /has not ended/ });
});
