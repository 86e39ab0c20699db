import test from 'ava';
import type { SplitMetrics } from '../../src/evaluation/index.ts';
import { type RunSummary, resultsTable } from '../../src/experiment/index.ts';

const metrics = (mAP: number): SplitMetrics => ({
  images: 500,
  loss: 0.3,
  mAP,
  accuracy: 0.975,
  balancedAccuracy: 0.9,
  auc: Number.NaN,
  constant: { accuracy: 0.8, balancedAccuracy: 0.5, auc: Number.NaN },
  exactMatch: 0.5,
  energyInMask: 0.25,
  pointing: 0.5,
  deadShare: 0,
  focus: {
    accuracy: 1,
    balancedAccuracy: Number.NaN,
    auc: Number.NaN,
    groups: { land: { images: 250, accuracy: 0.9 }, water: { images: 250, accuracy: 1 } },
    worstGroup: 0.9,
    groupMean: 0.95,
    constant: { accuracy: 0.5, balancedAccuracy: Number.NaN, auc: Number.NaN, worstGroup: 0, groupMean: 0.5 },
    energyInMask: Number.NaN,
    pointing: Number.NaN,
  },
  perClass: { accuracy: [], averagePrecision: [] },
});

const summary = {
  name: 'x',
  steps: 18,
  imagesPerSecond: 20.4,
  metrics: { test: metrics(0.5), 'boat-without-water': metrics(0.123) },
} as unknown as RunSummary;

test('the table has a row per split, a constant answer in brackets, and leaves out what no split can measure', (t) => {
  t.deepEqual(resultsTable(summary, 'runs/x', 100).split('\n'), [
    '',
    '                                                 all         focus  focus worst  map in',
    'split               images   mAP     accuracy  right      accuracy        group  object',
    '---------------------------------------------------------------------------------------',
    'test                   500  50.0  97.5 (80.0)   50.0  100.0 (50.0)   90.0 (0.0)    25.0',
    'boat-without-water     500  12.3  97.5 (80.0)   50.0  100.0 (50.0)   90.0 (0.0)    25.0',
    '',
    'in brackets: the best answer that does not look at the image',
    '',
    '18 steps, 20 images per second in training',
    'in runs/x: summary.json, model/, attention/',
    'curves: tensorboard --logdir runs/x',
    '',
  ]);
});

test('where the window is narrower than the table, each split has a list', (t) => {
  const lines = resultsTable(summary, 'runs/x', 50).split('\n');
  t.deepEqual(lines.slice(1, 10), [
    'test',
    '  images               500',
    '  mAP                 50.0',
    '  accuracy           97.5 (80.0)',
    '  all right           50.0',
    '  focus accuracy     100.0 (50.0)',
    '  focus worst group  90.0 (0.0)',
    '  map in object       25.0',
    '',
  ]);
});

test('a run without a test split has no table', (t) => {
  t.regex(resultsTable({ ...summary, metrics: {} }, 'runs/x'), /^\n18 steps/);
});
