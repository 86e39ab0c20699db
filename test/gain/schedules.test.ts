import test from 'ava';
import { startEngine } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { GainTrainer } from '../../src/gain/index.ts';
import {
  checkSchedule,
  checkWeightSchedule,
  constantRate,
  type LearningRateSchedule,
  learningRateFactor,
  scheduledWeight,
} from '../../src/gain/schedules.ts';
import { buildModel } from '../../src/models/index.ts';

test('warm-up grows linearly from the first step on', (t) => {
  const schedule = { ...constantRate, warmupEpochs: 1 };
  const factors = [0, 0.25, 0.5, 0.75, 1].map((epoch) => learningRateFactor(schedule, epoch, 4, 0.25));
  t.deepEqual(factors, [0.25, 0.5, 0.75, 1, 1]);
});

test('step multiplies by gamma at each milestone', (t) => {
  const schedule = { ...constantRate, name: 'step' as const, milestones: [2, 3], gamma: 0.1 };
  t.is(learningRateFactor(schedule, 1.99, 4, 0.01), 1);
  t.is(learningRateFactor(schedule, 2, 4, 0.01), 0.1);
  t.is(learningRateFactor(schedule, 3.5, 4, 0.01), 0.1 ** 2);
});

test('cosine falls from 1 to its minimum over the time after warm-up', (t) => {
  const schedule = { ...constantRate, name: 'cosine' as const, warmupEpochs: 1, minimum: 0.2 };
  t.is(learningRateFactor(schedule, 1, 5, 0.5), 1);
  t.true(Math.abs(learningRateFactor(schedule, 3, 5, 0.5) - 0.6) < 1e-12);
  t.true(Math.abs(learningRateFactor(schedule, 5, 5, 0.5) - 0.2) < 1e-12);
});

test('a loss begins at its start epoch and ramps up', (t) => {
  const schedule = { weight: 2, startEpoch: 1, rampEpochs: 1 };
  const weights = [0, 0.75, 1, 1.25, 1.75, 2, 3].map((epoch) => scheduledWeight(schedule, epoch, 0.25));
  t.deepEqual(weights, [0, 0, 0.5, 1, 2, 2, 2]);
  t.is(scheduledWeight({ weight: 3, startEpoch: 0, rampEpochs: 0 }, 0, 0.1), 3);
});

test('a loss that ends weighs nothing from its last epoch on', (t) => {
  const schedule = { weight: 2, startEpoch: 1, rampEpochs: 0, endEpoch: 2 };
  const weights = [0, 1, 1.75, 2, 3].map((epoch) => scheduledWeight(schedule, epoch, 0.25));
  t.deepEqual(weights, [0, 2, 2, 0, 0]);
  t.is(scheduledWeight({ ...schedule, endEpoch: null }, 9, 0.25), 2);
});

test('a start epoch is met exactly although epochs are sums of fractions', (t) => {
  let epoch = 0;
  for (let step = 0; step < 3 * 7; step++) epoch += 1 / 7;
  t.is(scheduledWeight({ weight: 1, startEpoch: 3, rampEpochs: 0 }, epoch, 1 / 7), 1);
});

test('a schedule that names only what it needs has the rest by default', (t) => {
  // Without a default for `minimum` the factor was NaN after the warm-up, and with it every weight.
  const schedule = { name: 'cosine', warmupEpochs: 0.5 } as const;
  t.is(learningRateFactor(schedule, 0.5, 4.5, 0.1), 1);
  t.true(Math.abs(learningRateFactor(schedule, 2.5, 4.5, 0.1) - 0.5) < 1e-12);
  t.is(learningRateFactor(schedule, 4.5, 4.5, 0.1), 0);
  t.is(learningRateFactor({ name: 'step', milestones: [1] }, 2, 4, 0.1), 0.1);
});

test('options of untyped code are checked before the first step, by name, rule and value', async (t) => {
  await startEngine({ engine: 'cpu' });
  const bad = (schedule: object, message: RegExp) =>
    t.throws(() => checkSchedule(schedule as LearningRateSchedule), { instanceOf: UsageError, message });
  bad({ name: 'cosin' }, /^schedule\.name: must be constant, step or cosine, was "cosin"$/);
  bad({ name: 'cosine', minimum: Number.NaN }, /^schedule\.minimum: .*, was NaN$/);
  bad({ name: 'step', milestones: 3 }, /^schedule\.milestones: must be a list/);
  t.throws(() => checkWeightSchedule('mining', { weight: 1 } as never), {
    instanceOf: UsageError,
    message: /^weights\.mining\.startEpoch: must be a finite number, was undefined$/,
  });
  const model = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [2] });
  for (const [options, message] of [
    [{ optimizer: { name: 'adam' } }, /^optimizer\.learningRate: .*, was undefined$/],
    [{ optimizer: { name: 'adma', learningRate: 1 } }, /^optimizer\.name: must be sgd, adam or adamw/],
    [{ accumulate: 0 }, /^accumulate: must be a whole number of at least 1, was 0$/],
    [{ clipNorm: -1 }, /^clipNorm: must be a number above 0, was -1$/],
    [{ terms: [{ name: 'own', weight: 1 }] }, /^terms\.own\.loss: must be a function, was "undefined"$/],
    [{ schedule: { name: 'cosine', warmupEpochs: -1 } }, /^schedule\.warmupEpochs: /],
  ] as const) {
    t.throws(() => new GainTrainer(model, options as never), { instanceOf: UsageError, message });
  }
  model.dispose();
});
