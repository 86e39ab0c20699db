import type { StepContext } from '../objective/index.ts';
import type { ScheduledTerm } from '../trainer-options.ts';
import { type AnswerTermOptions, answerTerms } from './answer-terms.ts';
import { type ConsistencyTermOptions, consistencyTerms } from './consistency-terms.ts';
import { type GradientTermOptions, gradientTerms } from './gradient-terms.ts';
import { type GuidedMaps, GuidedStep } from './guided-step.ts';
import { type MapTermOptions, mapTerms } from './map-terms.ts';
import { type RelevanceTermOptions, relevanceTerms } from './relevance-terms.ts';

export interface GuidanceOptions
  extends MapTermOptions,
    GradientTermOptions,
    AnswerTermOptions,
    RelevanceTermOptions,
    ConsistencyTermOptions {
  readonly maps?: GuidedMaps | undefined;
}

/** The terms that can do without masks. */
export const maskless: readonly (keyof GuidanceOptions)[] = ['signed', 'maskTune', 'consistency'];

/**
 * Terms that use masks to make a network right for the right reasons, for {@link GainTrainer} and `gainLoss`.
 *
 * ```ts
 * const terms = guidanceTerms({ maps: { targetLayer: 'conv2' }, rrr: { weight: 10 } });
 * const trainer = new GainTrainer(model, { weights: { mining: 0, supervision: 0 }, terms });
 * await trainer.fitDataset([{ images, labels, masks, marks: 'must-not-matter' }], { epochs: 10 });
 * ```
 *
 * The masks come with the batch, which says whether they mark what matters or what must not. An image without mask
 * adds nothing, nor does a label without one; `maskTune` needs no masks, nor does what `signed` says of classes that
 * are not in an image.
 *
 * @returns the terms that were asked for, named as the options are
 */
export function guidanceTerms({ maps = {}, ...options }: GuidanceOptions): readonly ScheduledTerm[] {
  const known = new WeakMap<StepContext, GuidedStep>();
  const guided = (step: StepContext) => {
    const one = known.get(step) ?? new GuidedStep(step, maps);
    known.set(step, one);
    return one;
  };
  return [
    ...gradientTerms(options, guided),
    ...mapTerms(options, maps, guided),
    ...answerTerms(options, maps, guided),
    ...relevanceTerms(options, guided),
    ...consistencyTerms(options, maps),
  ];
}
