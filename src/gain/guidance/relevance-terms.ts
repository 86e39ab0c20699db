import type * as tf from '@tensorflow/tfjs-core';
import { type RelevanceOptions, relevanceMaps } from '../../gradcam/index.ts';
import { type BackgroundRelevanceOptions, backgroundRelevance } from '../../losses/index.ts';
import type { StepContext } from '../objective/index.ts';
import type { ScheduledTerm } from '../trainer-options.ts';
import type { GuidedStep } from './guided-step.ts';
import { type GuidedTermOptions, term } from './term.ts';

/** ISNet's term: see {@link backgroundRelevance} and {@link relevanceMaps}. */
export interface RelevanceTerm
  extends GuidedTermOptions,
    Pick<BackgroundRelevanceOptions, 'decay' | 'tolerance' | 'foreground' | 'foregroundWeight'>,
    Pick<RelevanceOptions, 'gamma' | 'range'> {
  /** Rules of the way back. @default 'epsilon-box', the paper's */
  readonly composite?: RelevanceOptions['composite'];
  /** ε of all rules; smaller ones make the gradient of the loss unsteady. @default 0.01, the paper's */
  readonly epsilon?: number | undefined;
}

/** Terms that judge where relevance lies. */
export interface RelevanceTermOptions {
  /** ISNet (Bassi et al. 2024): layer-wise relevance off the object. Of the pairs that have masks. */
  readonly isnet?: RelevanceTerm | undefined;
}

/** @param guided what the terms of a step share */
export function relevanceTerms(
  options: RelevanceTermOptions,
  guided: (step: StepContext) => GuidedStep,
): readonly ScheduledTerm[] {
  return [
    ...term('isnet', options.isnet, (chosen) => (step, total) => {
      const objects = guided(step).objects();
      if (!objects) return undefined;
      const { composite = 'epsilon-box', epsilon = 0.01, gamma, range, ...loss } = chosen;
      const { model, inputs, imageInput, pass } = step;
      const { relevance } = relevanceMaps(model, inputs, objects.pairs, {
        ...pass,
        composite,
        epsilon,
        gamma,
        range,
        imageInput,
      });
      const { decay, tolerance, foreground, foregroundWeight } = loss;
      return backgroundRelevance(relevance as tf.Tensor4D, objects.relevant, {
        decay,
        tolerance,
        foreground,
        foregroundWeight,
        weights: objects.weights,
        total,
      });
    }),
  ];
}
