import test from 'ava';
import { constantRate, learningRateFactor, scheduledWeight } from '../../src/gain/schedules.ts';

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
