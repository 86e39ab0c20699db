import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import type { Pair } from '../../gradcam/index.ts';
import { addNoise } from '../noise.ts';
import type { PixelOptions } from './options.ts';
import { attributeInTerms, pixelProblem } from './pixel-gradients.ts';
import type { ReluRule } from './relu-rules.ts';
import type { GraphModel } from './scorer.ts';

export interface SmoothGradOptions extends PixelOptions {
  /** n, how many noisy images. @default 25 */
  samples?: number | undefined;
  /** σ of the noise as a share of max x − min x. @default 0.15 */
  noise?: number | undefined;
  /** How ReLUs go back: SmoothGrad of guided backpropagation, too. @default 'gradient' */
  rule?: ReluRule | undefined;
}

/**
 * SmoothGrad: the mean gradient of noisy copies of the image.
 *
 *     E = (1/n) Σ_i ∂s^c/∂x (x + ε_i),   ε_i ~ N(0, σ²)
 *
 * (Smilkov et al., 2017, arXiv 1706.03825, Eq 1; there n = 50 and σ is 10–20 % of the range.) The same ε_i serve all images:
 * what is found for one does not depend on the others.
 *
 * Good for: a gradient that can be looked at. Fails: with little noise it is the gradient, with much it explains images
 * that are none. n forward and backward passes.
 *
 * @param model a layers-model, or a graph-model whose operations have derivatives
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,H,W,c]
 * @throws {UsageError}, ModelError for pairs, options or a model that does not fit
 */
export async function smoothGrad(
  model: tfl.LayersModel | GraphModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { samples = 25, noise = 0.15, rule = 'gradient', ...options }: SmoothGradOptions = {},
): Promise<tf.Tensor> {
  if (!Number.isInteger(samples) || samples < 1 || !(noise >= 0)) {
    throw new UsageError(
      `samples, noise: expected a whole number of at least 1 and a share of at least 0, received ${samples} and ${noise}`,
    );
  }
  const problem = pixelProblem(model, images, pairs, options, rule);
  return attributeInTerms(
    problem,
    samples,
    (batch, i) => {
      const pixels = problem.rowsOf(batch);
      return problem.gradientAt(batch, addNoise(pixels, pixels, noise, options.seed ?? 0, i));
    },
    (_, sum) => tf.div(sum, samples),
    options,
  );
}
