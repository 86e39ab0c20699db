import * as tf from '@tensorflow/tfjs-core';
import { forward, type Pair } from '../../gradcam/index.ts';
import { counterfactual, crossEntropies, sufficiency, weightedMean } from '../../losses/index.ts';
import {
  type HoleFilling,
  holeFilling,
  removeRegion,
  rowsOfPairs,
  type StepContext,
} from '../objective/index.ts';
import type { ScheduledTerm } from '../trainer-options.ts';
import type { GuidedMaps, GuidedStep } from './guided-step.ts';
import { attendedRegions } from './mask-tune.ts';
import { otherImages } from './other-images.ts';
import { type GuidedTermOptions, term } from './term.ts';

/** Terms that judge the answers to changed images. */
export interface AnswerTermOptions {
  /** Without the object no: see {@link counterfactual}. */
  readonly erase?:
    | (GuidedTermOptions & {
        /** What is filled in, see `gainLoss`. @default 'mean' */
        readonly fill?: HoleFilling | undefined;
      })
    | undefined;
  /** With the object alone yes: see {@link sufficiency}. */
  readonly keep?:
    | (GuidedTermOptions & {
        /** The ground: an image of the batch without the class, or a filling. @default 'others' */
        readonly ground?: 'others' | HoleFilling | undefined;
      })
    | undefined;
  /**
   * CE of the XIL benchmark: the classification loss of images whose irrelevant part is noise, U(0, 1) in every pixel
   * and channel. The benchmark draws them once and adds them to the data; here they are drawn anew in every step.
   */
  readonly counterexamples?: GuidedTermOptions | undefined;
  /**
   * MaskTune: the classification loss of images whose most attended region is removed, see `attendedRegions`.
   * Meant for a last epoch of its own: `startEpoch` here, `endEpoch` of the classification loss. Needs no masks.
   */
  readonly maskTune?:
    | (GuidedTermOptions & {
        /** Attended is what lies so many standard deviations above a map's mean. @default 2, the paper's */
        readonly deviations?: number | undefined;
        /** @default 'zero', the paper's */
        readonly fill?: HoleFilling | undefined;
      })
    | undefined;
}

/** @param guided what the terms of a step share */
export function answerTerms(
  options: AnswerTermOptions,
  maps: GuidedMaps,
  guided: (step: StepContext) => GuidedStep,
): readonly ScheduledTerm[] {
  return [
    term('erase', options.erase, ({ fill = 'mean' }) => (step, total) => {
      const objects = guided(step).objects();
      if (!objects) return undefined;
      const { pairs, relevant, weights } = objects;
      const images = rowsOfPairs(imagesOf(step), pairs);
      const without = removeRegion(images, relevant, holeFilling(images, fill, step.seed));
      const logits = answersTo(step, without, pairs, 2);
      return counterfactual(logits, classesOf(pairs), { link: step.link, weights, total });
    }),
    term('keep', options.keep, ({ ground = 'others' }) => (step, total) => {
      const objects = guided(step).objects();
      if (!objects) return undefined;
      const { pairs, relevant, weights } = objects;
      const images = rowsOfPairs(imagesOf(step), pairs);
      const others = ground === 'others' ? otherImages(step, pairs) : undefined;
      const filling = others
        ? tf.gather(imagesOf(step), tf.tensor1d(others.samples, 'int32'))
        : holeFilling(images, ground as HoleFilling, step.seed);
      const alone = removeRegion(images, tf.sub(1, relevant), filling as tf.Tensor4D | undefined);
      const counted = others ? tf.mul<tf.Tensor1D>(weights, tf.tensor1d(others.found)) : weights;
      const logits = answersTo(step, alone, pairs, 3);
      return sufficiency(logits, classesOf(pairs), { link: step.link, weights: counted, total });
    }),
    term('counterexamples', options.counterexamples, () => (step, total) => {
      const region = guided(step).irrelevant();
      if (!region) return undefined;
      const { irrelevant, weights } = region;
      const images = imagesOf(step);
      const noise = tf.randomUniform<tf.Rank.R4>(images.shape, 0, 1, 'float32', step.seed + 104_729);
      const logits = answersTo(step, removeRegion(images, irrelevant, noise), everyImage(step), 4);
      return weightedMean(crossEntropies(logits, step.multiHot, step.link), { weights, total });
    }),
    term('maskTune', options.maskTune, ({ deviations, fill = 'zero' }) => (step, total) => {
      if (step.pairs.length === 0) return undefined;
      const images = imagesOf(step);
      const { regions, weights } = attendedRegions(step, maps, deviations);
      const masked = removeRegion(images, regions, holeFilling(images, fill, step.seed));
      const logits = answersTo(step, masked, everyImage(step), 5);
      return weightedMean(crossEntropies(logits, step.multiHot, step.link), { weights, total });
    }),
  ].flat();
}

/**
 * The network's answers to changed images of some samples: the step's own pass, but with another draw of its dropout,
 * since these are other images.
 */
function answersTo(
  { model, inputs, imageInput, pass }: StepContext,
  images: tf.Tensor4D,
  pairs: readonly Pair[],
  draw: number,
): tf.Tensor2D {
  const { dropoutSeed } = pass;
  return forward(
    model,
    inputs.map((input, i) => (i === imageInput ? images : rowsOfPairs(input, pairs))),
    { ...pass, dropoutSeed: dropoutSeed === undefined ? undefined : dropoutSeed + draw },
  );
}

function imagesOf({ inputs, imageInput }: StepContext): tf.Tensor4D {
  return inputs[imageInput] as tf.Tensor4D;
}

function everyImage({ labels }: StepContext): Pair[] {
  return labels.map((_, sample) => ({ sample, class: 0 }));
}

function classesOf(pairs: readonly Pair[]): number[] {
  return pairs.map((pair) => pair.class);
}
