import * as tf from '@tensorflow/tfjs-core';
import { attentionMaps } from '../../gradcam/index.ts';
import { type AttentionConsistencyOptions, attentionConsistency } from '../../losses/index.ts';
import type { StepContext } from '../objective/index.ts';
import type { ScheduledTerm } from '../trainer-options.ts';
import type { GuidedMaps } from './guided-step.ts';
import { type GuidedTermOptions, term } from './term.ts';

/** Terms that compare images of a batch with each other. */
export interface ConsistencyTermOptions {
  /**
   * CASN (Zheng et al. 2019): two images of one label are attended alike, see {@link attentionConsistency}. Needs no masks;
   * a batch without two images of a label adds nothing. `identityBatches` makes batches in which every image has a partner.
   */
  readonly consistency?:
    | (Pick<GuidedTermOptions, 'weight' | 'clip'> & Pick<AttentionConsistencyOptions, 'threshold'>)
    | undefined;
}

/** @param maps how the maps are made that are compared */
export function consistencyTerms(
  options: ConsistencyTermOptions,
  { method, targetLayer, differentiateWeights }: GuidedMaps,
): readonly ScheduledTerm[] {
  return [
    ...term('consistency', options.consistency, ({ threshold }) => (step) => {
      const partners = partnersOf(step);
      if (partners.length === 0) return undefined;
      const { model, inputs, pass } = step;
      const pairs = partners.flatMap(({ first, second, label }) => [
        { sample: first, class: label },
        { sample: second, class: label },
      ]);
      const { maps } = attentionMaps(model, inputs, pairs, {
        method,
        targetLayer,
        differentiateWeights,
        ...pass,
      });
      const rows = (offset: number) =>
        tf.gather(
          maps,
          tf.tensor1d(
            partners.map((_, i) => 2 * i + offset),
            'int32',
          ),
        );
      return attentionConsistency(rows(0), rows(1), { threshold });
    }),
  ];
}

/** Images of a batch that share a label: each with the next, the last with the first. */
function partnersOf({
  labels,
}: Pick<StepContext, 'labels'>): { first: number; second: number; label: number }[] {
  const byLabel = new Map<number, number[]>();
  for (const [sample, present] of labels.entries()) {
    for (const label of present) byLabel.set(label, [...(byLabel.get(label) ?? []), sample]);
  }
  return [...byLabel].flatMap(([label, samples]) => {
    if (samples.length < 2) return [];
    if (samples.length === 2) return [{ first: samples[0]!, second: samples[1]!, label }];
    return samples.map((first, i) => ({ first, second: samples[(i + 1) % samples.length]!, label }));
  });
}
