import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import type { Pair } from '../../gradcam/index.ts';
import type { Batch } from '../batches.ts';
import type { PixelOptions } from './options.ts';
import { attributeInTerms, pixelProblem } from './pixel-gradients.ts';
import type { GraphModel } from './scorer.ts';

export interface IntegratedGradientsOptions extends PixelOptions {
  /** x', where the path begins: a value for all pixels, an image [H,W,c], or one for each, [B,H,W,c]. @default 0 */
  baseline?: number | tf.Tensor | undefined;
  /** m, the steps of the path. @default 50 */
  steps?: number | undefined;
}

/**
 * Integrated gradients: the gradient's mean along the straight line from a baseline, times the way.
 *
 *     E = (x − x') ⊙ ∫₀¹ ∂s^c/∂x (x' + a (x − x')) da   ≈   (x − x') ⊙ (1/m) Σ_k ∂s^c/∂x (x' + ((k − ½)/m) (x − x'))
 *
 * (Sundararajan, Taly & Yan, "Axiomatic Attribution for Deep Networks", ICML 2017, arXiv 1703.01365, Eq 1.) The sum takes the
 * middle of each step, where the paper's Eq 3 takes its end: where the gradient is smooth the error falls with m² and not
 * with m.
 *
 * Completeness: Σ E = s^c(x) − s^c(x'). The difference of the two sides says whether m is large enough.
 *
 * Good for: sharing out a score among the pixels, saturated or not. Fails: pixels that equal the baseline get nothing, so that
 * black objects on a black baseline are not seen; and it is as noisy as the gradient. m forward and backward passes.
 *
 * @param model a layers-model, or a graph-model whose operations have derivatives
 * @param images [B,H,W,c], or one tensor per input; the other inputs stay as they are
 * @returns [P,H,W,c]
 * @throws {UsageError}, ModelError for pairs, options or a model that does not fit
 */
export async function integratedGradients(
  model: tfl.LayersModel | GraphModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { baseline = 0, steps = 50, ...options }: IntegratedGradientsOptions = {},
): Promise<tf.Tensor> {
  if (!Number.isInteger(steps) || steps < 1) {
    throw new UsageError(`steps: expected a whole number of at least 1, received ${steps}`);
  }
  const problem = pixelProblem(model, images, pairs, options);
  const { shape } = problem;
  const ofAll = baseline instanceof tf.Tensor && baseline.rank === shape.length + 1;
  if (baseline instanceof tf.Tensor && baseline.shape.slice(ofAll ? 1 : 0).join() !== shape.join()) {
    throw new UsageError(
      `baseline: expected [${shape.join(', ')}], or one for each image, received [${baseline.shape.join(', ')}]`,
    );
  }
  const startOf = (batch: Batch) => (ofAll ? problem.rowsOf(batch, baseline) : baseline);
  return attributeInTerms(
    problem,
    steps,
    (batch, k) => {
      const start = startOf(batch);
      const way = tf.sub(problem.rowsOf(batch), start);
      return problem.gradientAt(batch, tf.add(start, tf.mul(way, (k + 0.5) / steps)));
    },
    (batch, sum) => tf.mul(tf.sub(problem.rowsOf(batch), startOf(batch)), tf.div(sum, steps)),
    options,
  );
}
