import * as tf from '@tensorflow/tfjs-core';
import { influenceGradients, inputGradients } from '../../gradcam/index.ts';
import {
  crossEntropies,
  influencePenalty,
  inputGradientPenalty,
  robustGradientPenalty,
} from '../../losses/index.ts';
import type { StepContext } from '../objective/index.ts';
import type { ScheduledTerm } from '../trainer-options.ts';
import type { GuidedStep } from './guided-step.ts';
import { climbedNeighbour, drawnNeighbours } from './neighbours.ts';
import { type PixelTermOptions, term } from './term.ts';

/** A term of R4. */
export interface RobustTermOptions extends PixelTermOptions {
  /** ε, how far a neighbour may be, in units of the pixels. @default 0.1, the authors' for Decoy-MNIST */
  readonly epsilon?: number | undefined;
}

/** Terms that judge gradients by the pixels. */
export interface GradientTermOptions {
  /** Ross et al. 2017, see {@link inputGradientPenalty}. Pixels are summed. */
  readonly rrr?: PixelTermOptions | undefined;
  /** Rand-R4, see {@link robustGradientPenalty}. Pixels are summed. Each draw costs as much as `rrr`. */
  readonly randR4?:
    | (RobustTermOptions & {
        /** Neighbours of an image. @default 10 */
        readonly draws?: number | undefined;
      })
    | undefined;
  /** PGD-R4, see {@link robustGradientPenalty}. Pixels are summed. */
  readonly pgdR4?:
    | (RobustTermOptions & {
        /** Steps of the ascent. @default 10 */
        readonly steps?: number | undefined;
      })
    | undefined;
  /** RBR as the XIL benchmark computes it, see {@link influencePenalty}. Pixels are summed. A third derivative. */
  readonly rbr?: PixelTermOptions | undefined;
}

/** @param guided what the terms of a step share */
export function gradientTerms(
  options: GradientTermOptions,
  guided: (step: StepContext) => GuidedStep,
): readonly ScheduledTerm[] {
  return [
    term('rrr', options.rrr, ({ pixels }) => (step, total) => {
      const region = guided(step).irrelevant();
      if (!region) return undefined;
      const { irrelevant, weights } = region;
      return inputGradientPenalty(guided(step).inputGradients(), irrelevant, { weights, pixels, total });
    }),
    term('randR4', options.randR4, ({ pixels, epsilon = 0.1, draws = 10 }) => (step, total) => {
      const region = guided(step).irrelevant();
      if (!region) return undefined;
      const { irrelevant, weights } = region;
      const images = drawnNeighbours(imagesOf(step), irrelevant, { epsilon, draws, seed: step.seed });
      const gradients = images.map((near) => lossGradients(step, near));
      return robustGradientPenalty(gradients, irrelevant, { weights, pixels, total });
    }),
    term('pgdR4', options.pgdR4, ({ pixels, epsilon = 0.1, steps = 10 }) => (step, total) => {
      const region = guided(step).irrelevant();
      if (!region) return undefined;
      const { irrelevant, weights } = region;
      const slope = (near: tf.Tensor4D) => lossGradients(step, near);
      const near = climbedNeighbour(imagesOf(step), irrelevant, slope, { epsilon, steps });
      return robustGradientPenalty([slope(near)], irrelevant, { weights, pixels, total });
    }),
    term('rbr', options.rbr, ({ pixels }) => (step, total) => {
      const region = guided(step).irrelevant();
      if (!region) return undefined;
      const { irrelevant, weights } = region;
      const { model, inputs, imageInput, pass, link } = step;
      const influences = influenceGradients(
        model,
        inputs,
        (logits) => tf.mean(crossEntropies(logits, step.multiHot, link)) as tf.Scalar,
        { imageInput, ...pass },
      );
      const gradients = guided(step).inputGradients();
      return influencePenalty(influences, gradients, irrelevant, { weights, pixels, total });
    }),
  ].flat();
}

function imagesOf({ inputs, imageInput }: StepContext): tf.Tensor4D {
  return inputs[imageInput] as tf.Tensor4D;
}

/** ∂/∂x of each image's own classification loss, at other images in the place of the step's. */
function lossGradients(
  { model, inputs, imageInput, pass, link, multiHot }: StepContext,
  images: tf.Tensor4D,
): tf.Tensor4D {
  const replaced = inputs.map((input, i) => (i === imageInput ? images : input));
  return inputGradients(model, replaced, (logits) => crossEntropies(logits, multiHot, link), {
    imageInput,
    ...pass,
  });
}
