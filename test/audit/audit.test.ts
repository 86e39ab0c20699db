import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import {
  answerComposites,
  areaUnderCurve,
  auditClassifier,
  auditTable,
  evidenceOf,
  linkFeatures,
  Scorer,
  summarise,
} from '../../src/audit/index.ts';
import { generateBiasedBoats, openDataset } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { Bootstrap } from '../../src/metrics/index.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';

test.before(() => startEngine({ engine: 'cpu' }));

const size = 16;

/** A network whose only logit is the mean over the picture of a·red + b·green + c·blue, plus a bias. */
function colourNetwork([red, green, blue]: readonly number[], bias: number, classes = 1): tfl.LayersModel {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        inputShape: [size, size, 3],
        filters: 3,
        kernelSize: 1,
        useBias: false,
        name: 'colours',
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: classes }),
    ],
  });
  model.setWeights([
    tf.tensor4d([1, 0, 0, 0, 1, 0, 0, 0, 1], [1, 1, 3, 3]),
    tf.tensor2d(
      [red!, green!, blue!].flatMap((value) =>
        Array.from({ length: classes }, (_, c) => (c === 0 ? value : 0)),
      ),
      [3, classes],
    ),
    tf.tensor1d(Array.from({ length: classes }, (_, c) => (c === 0 ? bias : -1))),
  ]);
  return model;
}

test('area under the curve: by hand, with ties', (t) => {
  t.is(areaUnderCurve([3, 2], [1, 2]), (1 + 1 + 1 + 0.5) / 4);
  t.is(areaUnderCurve([1], [2]), 0);
  t.true(Number.isNaN(areaUnderCurve([], [2])));
});

test('evidence by place and sign adds up to the logit, and lies where the colours lie', (t) => {
  const scorer = new Scorer(colourNetwork([4, 0, -2], 0.5), 'sigmoid', [size, size]);
  const region = new Uint8Array(size * size).fill(1, 0, 64);
  const pixels = new Float32Array(size * size * 3);
  for (let p = 0; p < size * size; p++) pixels.set(p < 64 ? [1, 0, 0] : [0, 0, 1], p * 3);
  const image = { id: 'a', pixels, labels: [0], regions: new Map([[0, region]]) };
  const blue = { id: 'b', pixels: pixels.map((_, i) => Number(i % 3 === 2)), labels: [], regions: new Map() };
  const { method, present, absent, offShare } = evidenceOf(scorer, [image, blue], 0, 'colours');
  t.is(method, 'class-activation-maps');
  // A quarter of the picture is red: 4 · ¼; three quarters are blue: −2 · ¾.
  t.deepEqual(present, { images: 1, onFor: 1, onAgainst: 0, offFor: 0, offAgainst: -1.5 });
  t.deepEqual(absent, { images: 1, onFor: 0, onAgainst: 0, offFor: 0, offAgainst: -2 });
  t.is(offShare, 0.6);
  const [logits] = scorer.logits([pixels]);
  t.true(Math.abs(logits![0]! - (1 - 1.5 + 0.5)) < 1e-6);
});

test('the summary of composites: cells, means, the lean, the worst cell', (t) => {
  const cell = (ground: boolean, present: boolean, rights: number) =>
    Array.from({ length: 4 }, (_, i) => {
      const yes = i < rights ? present : !present;
      return { ground, present, yes, logit: yes ? 1 : -1 };
    });
  const composites = [
    ...cell(true, true, 4),
    ...cell(true, false, 1),
    ...cell(false, true, 2),
    ...cell(false, false, 3),
  ];
  const answers = summarise(composites, new Bootstrap({ replicates: 200, seed: 3 }));
  t.deepEqual(
    answers.cells.map(({ right }) => right),
    [1, 0.25, 0.5, 0.75],
  );
  t.is(answers.apart.value, 0.375);
  t.is(answers.together.value, 0.875);
  t.is(answers.lean.value, 0.5);
  t.is(answers.worst, 0.25);
  // Positives 1 1 −1 −1 against negatives −1 1 1 1.
  t.is(answers.auc, (2 * (1 + 1.5) + 2 * 0.5) / 16);
  t.true(answers.apart.low < 0.375 && answers.apart.high > 0.375);
});

test('the feature that the answers follow comes first', (t) => {
  const pictures = Array.from({ length: 20 }, (_, i) => ({
    pixels: new Float32Array(64 * 3).map((_v, k) => (k % 3 === 2 ? (i % 2 ? 0.9 : 0.1) : 0.4)),
    object: undefined,
    yes: i % 2 === 1,
    others: i === 3 ? ['car'] : [],
  }));
  const [first] = linkFeatures(pictures, [8, 8]);
  t.is(first!.auc, 1);
  const blue = linkFeatures(pictures, [8, 8]).find(({ feature }) => feature === 'blue of the surroundings')!;
  t.deepEqual([blue.auc, blue.yesWhere], [1, 'high']);
  const car = linkFeatures(pictures, [8, 8]).find(({ feature }) => feature === 'class car beside it')!;
  t.is(car.auc, 0.55);
});

test('bars at the edges are a feature: letterbox, frame, and no bar in a picture of one colour', (t) => {
  const picture = (bar: (x: number, y: number) => boolean, yes: boolean) => ({
    pixels: Float32Array.from({ length: 8 * 8 * 3 }, (_, i) => {
      const p = Math.floor(i / 3);
      return bar(p % 8, Math.floor(p / 8)) ? 0.01 : 0.3 + ((p * 37) % 64) / 100;
    }),
    object: undefined,
    yes,
  });
  const barsOf = (yes: (x: number, y: number) => boolean, no: (x: number, y: number) => boolean) =>
    linkFeatures([picture(yes, true), picture(no, false)], [8, 8]).find(
      ({ feature }) => feature === 'bars at the edges',
    );
  const open = () => false;
  t.deepEqual(
    barsOf((_, y) => y < 1 || y > 6, open),
    { feature: 'bars at the edges', auc: 1, yesWhere: 'high' },
  );
  t.is(barsOf((x) => x < 2, open)!.auc, 1);
  t.is(barsOf(() => true, open)!.auc, 0.5);
  // Two rows are more than one.
  t.deepEqual(
    barsOf(
      (_, y) => y < 1,
      (_, y) => y < 2,
    )!.yesWhere,
    'low',
  );
});

test('a network that looks at the water is told from one that answers at random', async (t) => {
  const dir = temporaryFolder(t);
  await generateBiasedBoats(dir, { size, train: 4, trainFullsup: 4, val: 60, test: 4, unbiased: 4 });
  const data = await openDataset(dir);
  const options = {
    split: 'val',
    imageSize: [size, size] as const,
    fit: 'squash' as const,
    targetLayer: 'auto',
    classes: [0],
    masks: 'true' as const,
    perCell: 30,
    replicates: 200,
    workers: 0,
  };
  // Water is bluer than land: the lower half decides where the horizon is.
  const blue = new Scorer(colourNetwork([-30, -10, 40], 0.6, 6), 'sigmoid', [size, size]);
  const { audit, pictures } = await auditClassifier(blue, data, options);
  const [boat] = audit.classes;
  t.true(boat!.composites!.lean.value > 0.1, JSON.stringify(boat!.composites));
  t.is(pictures[0]!.composites.length, 120);
  t.regex(auditTable({ audit }), /^`boat` (follows|leans on) the ground: right in/);
  t.true(boat!.features[0]!.auc > 0.7);

  const constant = new Scorer(colourNetwork([0, 0, 0], -1, 6), 'sigmoid', [size, size]);
  const { audit: none } = await auditClassifier(constant, data, options);
  t.is(none.classes[0]!.composites!.apart.value, 0.5);
  t.is(none.classes[0]!.composites!.worst, 0);
  t.is(none.classes[0]!.verdict.finding, 'no shortcut found');

  // Without masks it says less, and says so.
  const { audit: blind } = await auditClassifier(blue, data, { ...options, masks: 'none' });
  t.is(blind.classes[0]!.composites, null);
  t.is(blind.classes[0]!.verdict.finding, 'not measured');
  t.true(blind.classes[0]!.features.length > 0);
  const boxes = await auditClassifier(blue, data, { ...options, masks: 'boxes' });
  t.true(boxes.audit.classes[0]!.real!.present > 0);
  const { composites: alongBoxes, verdict } = boxes.audit.classes[0]!;
  t.deepEqual(
    alongBoxes!.cells.map(({ composites }) => composites),
    [30, 30, 30, 30],
  );
  t.regex(verdict.sentence, /\(by boxes, which take some of their ground along: it leans as much or more\)/);

  const again = await answerComposites(
    blue,
    data,
    0,
    { ...options, seed: 1 },
    new Bootstrap({ replicates: 2 }),
  );
  t.is(again.answers.apart.value, boat!.composites!.apart.value);
  await data.close();
});
