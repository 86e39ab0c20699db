import { UsageError } from '../errors/index.ts';

/** How the learning rate moves over the training. */
export interface LearningRateSchedule {
  readonly name: 'constant' | 'step' | 'cosine';
  /** Epochs of linear growth from 0. @default 0 */
  readonly warmupEpochs?: number | undefined;
  /** Of `step`: epochs at which the rate is multiplied by `gamma`. @default none */
  readonly milestones?: readonly number[] | undefined;
  /** @default 0.1 */
  readonly gamma?: number | undefined;
  /** Of `cosine`: share of the learning rate left at the end. @default 0 */
  readonly minimum?: number | undefined;
}

export const constantRate: LearningRateSchedule = { name: 'constant' };

/**
 * Checks a schedule that may come from untyped code.
 *
 * @throws {UsageError} naming the option, the rule and the value
 */
export function checkSchedule(schedule: LearningRateSchedule): void {
  const { name, warmupEpochs = 0, milestones = [], gamma = 0.1, minimum = 0 } = schedule;
  requireOption(
    ['constant', 'step', 'cosine'].includes(name),
    'schedule.name',
    'constant, step or cosine',
    name,
  );
  requireOption(
    warmupEpochs >= 0 && Number.isFinite(warmupEpochs),
    'schedule.warmupEpochs',
    notNegative,
    warmupEpochs,
  );
  requireOption(
    Array.isArray(milestones) && milestones.every((epoch) => Number.isFinite(epoch) && epoch >= 0),
    'schedule.milestones',
    'a list of numbers of at least 0',
    milestones,
  );
  requireOption(gamma > 0 && Number.isFinite(gamma), 'schedule.gamma', 'a finite number above 0', gamma);
  requireOption(minimum >= 0 && Number.isFinite(minimum), 'schedule.minimum', notNegative, minimum);
}

/**
 * Checks the weight of a term that may come from untyped code.
 *
 * @throws {UsageError} naming the term, the rule and the value
 */
export function checkWeightSchedule(name: string, schedule: number | WeightSchedule): void {
  if (typeof schedule === 'number') {
    requireOption(Number.isFinite(schedule), `weights.${name}`, 'a finite number', schedule);
    return;
  }
  const { weight, startEpoch, rampEpochs } = schedule ?? {};
  requireOption(Number.isFinite(weight), `weights.${name}.weight`, 'a finite number', weight);
  requireOption(Number.isFinite(startEpoch), `weights.${name}.startEpoch`, 'a finite number', startEpoch);
  requireOption(rampEpochs >= 0, `weights.${name}.rampEpochs`, notNegative, rampEpochs);
}

const notNegative = 'a finite number of at least 0';

/** @throws {UsageError} when an option breaks its rule */
export function requireOption(holds: boolean, option: string, rule: string, value: unknown): void {
  if (holds) return;
  const shown = typeof value === 'number' ? String(value) : JSON.stringify(value);
  throw new UsageError(`${option}: must be ${rule}, was ${shown}`);
}

/**
 * Factor on the learning rate at a point of the training.
 *
 * Warm-up: `(t + one step) / warmupEpochs`, so that the first step already learns. `cosine` (Loshchilov and
 * Hutter 2017, without restarts): `min + (1 − min) · (1 + cos π·u) / 2`, u the share of the time after warm-up.
 *
 * @param epoch point of the training, in epochs, fractional: 2.5 is the middle of the third.
 * @param epochs length of the training, in epochs.
 * @param stepLength one update, in epochs.
 */
export function learningRateFactor(
  schedule: LearningRateSchedule,
  epoch: number,
  epochs: number,
  stepLength: number,
): number {
  const { name, warmupEpochs = 0, milestones = [], gamma = 0.1, minimum = 0 } = schedule;
  if (epoch < warmupEpochs) return Math.min(1, (epoch + stepLength) / warmupEpochs);
  switch (name) {
    case 'constant':
      return 1;
    case 'step':
      return gamma ** milestones.filter((milestone) => epoch >= milestone).length;
    case 'cosine': {
      const share = Math.min(1, (epoch - warmupEpochs) / Math.max(epochs - warmupEpochs, stepLength));
      return minimum + ((1 - minimum) * (1 + Math.cos(Math.PI * share))) / 2;
    }
  }
}

/** A loss weight that begins at `startEpoch`, grows linearly to `weight` over `rampEpochs`, and may end. */
export interface WeightSchedule {
  readonly weight: number;
  readonly startEpoch: number;
  readonly rampEpochs: number;
  /** From this epoch on the weight is 0. @default never */
  readonly endEpoch?: number | null | undefined;
}

/**
 * Weight of a loss at a point of the training: 0 before `startEpoch`, then rising linearly to `weight`, and 0 again
 * from `endEpoch` on.
 *
 * @param epoch point of the training, in epochs, fractional.
 * @param stepLength one update, in epochs; the first step of a ramp already has one step's share.
 */
export function scheduledWeight(schedule: WeightSchedule, epoch: number, stepLength: number): number {
  const { weight, startEpoch, rampEpochs, endEpoch } = schedule;
  // Epochs are sums of 1/stepsPerEpoch: half a step of tolerance makes the start exact.
  const since = epoch - startEpoch + stepLength / 2;
  if (since < 0) return 0;
  if (typeof endEpoch === 'number' && epoch + stepLength / 2 >= endEpoch) return 0;
  if (rampEpochs === 0) return weight;
  return weight * Math.min(1, (since + stepLength / 2) / rampEpochs);
}
