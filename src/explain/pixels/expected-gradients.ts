import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import type { Pair } from '../../gradcam/index.ts';
import { randomFor } from '../../random/index.ts';
import type { PixelOptions } from './options.ts';
import { attributeInTerms, pixelProblem } from './pixel-gradients.ts';
import type { GraphModel } from './scorer.ts';

export interface ExpectedGradientsOptions extends PixelOptions {
  /** D, images that paths start from, [N,H,W,c]. @default the other images that are explained */
  background?: tf.Tensor | undefined;
  /** Draws of a start and a place on the way. @default 50 */
  samples?: number | undefined;
}

/**
 * Expected gradients: integrated gradients from many baselines, each a real image.
 *
 *     E = E_{x' ~ D, a ~ U(0,1)} [(x − x') ⊙ ∂s^c/∂x (x' + a (x − x'))]
 *
 * (Erion et al., "Improving performance of deep learning models with axiomatic attribution priors and expected gradients",
 * Nature Machine Intelligence 2021, arXiv 1906.10670, Eq 3; Captum's GradientShap with `stdevs=0`.) Draw number i takes the
 * same start and place for all images that do not lie in the background themselves.
 *
 * Completeness, in the mean over draws: Σ E = s^c(x) − E s^c(x').
 *
 * Good for: no single baseline has to be justified, and black pixels can count. Fails: with few draws it is noise, and it
 * explains the difference from the background, whatever that is.
 *
 * @param model a layers-model, or a graph-model whose operations have derivatives
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,H,W,c]
 * @throws {UsageError}, ModelError for pairs, options or a model that does not fit
 */
export async function expectedGradients(
  model: tfl.LayersModel | GraphModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { background, samples = 50, ...options }: ExpectedGradientsOptions = {},
): Promise<tf.Tensor> {
  if (!Number.isInteger(samples) || samples < 1) {
    throw new UsageError(`samples: expected a whole number of at least 1, received ${samples}`);
  }
  const problem = pixelProblem(model, images, pairs, options);
  const inputs = images instanceof tf.Tensor ? [images] : images;
  const own = inputs[typeof options.input === 'number' ? options.input : 0]!;
  const starts = background ?? own;
  if (starts.shape.slice(1).join() !== problem.shape.join() || starts.shape[0] === 0) {
    throw new UsageError(
      `background: expected [N, ${problem.shape.join(', ')}], received [${starts.shape.join(', ')}]`,
    );
  }
  if (!background && own.shape[0]! < 2) {
    throw new UsageError(
      'expected gradients start from other images: give several images, or a background of them',
    );
  }
  const count = starts.shape[0]!;
  return attributeInTerms(
    problem,
    samples,
    (batch, i) => {
      const random = randomFor(options.seed ?? 0, 'expected gradients', i);
      const [first, place] = [random.integer(background ? count : count - 1), random.next()];
      // Of the images themselves, an image never starts from itself.
      const rows = batch.rows.map((row) => {
        const { sample } = pairs[row]!;
        return background ? first : first < sample ? first : first + 1;
      });
      const start = tf.gather(starts, tf.tensor1d(rows, 'int32'));
      const way = tf.sub(problem.rowsOf(batch), start);
      return tf.mul(way, problem.gradientAt(batch, tf.add(start, tf.mul(way, place))));
    },
    (_, sum) => tf.div(sum, samples),
    options,
  );
}
