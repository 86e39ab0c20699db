/** How the learning rate moves over the training. */
export interface LearningRateSchedule {
  readonly name: 'constant' | 'step' | 'cosine';
  /** Epochs of linear growth from 0. */
  readonly warmupEpochs: number;
  /** Of `step`: epochs at which the rate is multiplied by `gamma`. */
  readonly milestones: readonly number[];
  readonly gamma: number;
  /** Of `cosine`: share of the learning rate left at the end. */
  readonly minimum: number;
}

export const constantRate: LearningRateSchedule = {
  name: 'constant',
  warmupEpochs: 0,
  milestones: [],
  gamma: 0.1,
  minimum: 0,
};

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
  const { name, warmupEpochs, milestones, gamma, minimum } = schedule;
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
