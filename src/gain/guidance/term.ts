import * as tf from '@tensorflow/tfjs-core';
import { cappedLoss } from '../../losses/index.ts';
import type { StepContext } from '../objective/index.ts';
import type { WeightSchedule } from '../schedules.ts';
import type { ScheduledTerm } from '../trainer-options.ts';

/** What every guided term can be told. */
export interface GuidedTermOptions {
  /** A number, or one that starts at an epoch, ramps up, and may end. */
  readonly weight: number | WeightSchedule;
  /**
   * Mean over the images that have masks, or over the whole batch, or the sum that the RRR and Model Guidance papers
   * write.
   * @default 'masked'
   */
  readonly images?: 'masked' | 'batch' | 'sum' | undefined;
  /** A value (before the weight) above this is replaced by it, without gradient: see {@link cappedLoss}. @default none */
  readonly clip?: number | null | undefined;
}

/** A term that adds up pixels. */
export interface PixelTermOptions extends GuidedTermOptions {
  readonly pixels?: 'sum' | 'mean' | undefined;
}

/** A loss of a step, and what divides its sum over the images. `undefined`: there is nothing to judge. */
export type GuidedLoss = (step: StepContext, total: number | undefined) => tf.Scalar | undefined;

/** The term that its options ask for, or none. */
export function term<Options extends GuidedTermOptions>(
  name: string,
  options: Options | undefined,
  lossOf: (options: Options) => GuidedLoss,
): readonly ScheduledTerm[] {
  if (!options) return [];
  const { weight, images = 'masked', clip } = options;
  const loss = lossOf(options);
  return [
    {
      name,
      weight,
      loss(step) {
        const total = { masked: undefined, batch: step.labels.length, sum: 1 }[images];
        // Without masks: 0, attached to the weights, so that its gradient is 0 and not an error.
        const value = loss(step, total) ?? tf.mul<tf.Scalar>(tf.sum(step.logits), 0);
        return clip === undefined || clip === null ? value : cappedLoss(value, clip);
      },
    },
  ];
}
