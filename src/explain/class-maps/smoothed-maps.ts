import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { attentionMaps, type MapMethod, type Pair } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';
import { addNoise } from '../noise.ts';

export interface AugmentationOptions {
  /** Also the mirrored image, whose attribution is mirrored back. @default true */
  flip?: boolean | undefined;
  /** The image is multiplied by each of these. @default [0.9, 1, 1.1] */
  factors?: readonly number[] | undefined;
  /** σ of Gaussian noise, as a share of the range of each image's values. @default 0 */
  noise?: number | undefined;
  /** Draws of the noise for each mirroring and factor. @default 1 */
  draws?: number | undefined;
  /** Of the noise. @default 0 */
  seed?: number | undefined;
}

/** One of the changed images. */
interface View {
  readonly mirrored: boolean;
  readonly factor: number;
  readonly draw: number;
}

export interface SmoothedMapsOptions extends MethodOptions, AugmentationOptions {
  /** Any class map method. @default 'grad-cam++' */
  method?: MapMethod | undefined;
}

/**
 * The mean attribution of slightly changed images: mirrored, brighter and darker, with noise.
 *
 *     M = (1/N) Σ_n T_n⁻¹ M(T_n x)
 *
 * (Test-time augmentation of pytorch-grad-cam; with `flip: false, factors: [1], noise: 0.1, draws: 20` the noise of Smooth
 * Grad-CAM++, Omeiza et al. 2019, arXiv 1908.01224.) Attributions are averaged as they are, not normalised before.
 *
 * @param explain any method, of images [B,H,W,c] (or one tensor per input): to [P,h,w], or [P,H,W,c]
 * @returns the shape of what `explain` answers
 * @throws {UsageError} when there is nothing to average
 */
export async function smoothByAugmentation(
  explain: (images: tf.Tensor[]) => tf.Tensor | Promise<tf.Tensor>,
  images: tf.Tensor | readonly tf.Tensor[],
  { flip = true, factors = [0.9, 1, 1.1], noise = 0, draws = 1, seed = 0 }: AugmentationOptions = {},
): Promise<tf.Tensor> {
  const inputs = images instanceof tf.Tensor ? [images] : images;
  if (factors.length === 0 || !Number.isInteger(draws) || draws < 1) {
    throw new UsageError(
      `factors, draws: expected at least one of each, received ${factors.length} and ${draws}`,
    );
  }
  const views: View[] = [...(flip ? [false, true] : [false])].flatMap((mirrored) =>
    factors.flatMap((factor) => Array.from({ length: draws }, (_, draw) => ({ mirrored, factor, draw }))),
  );
  let sum: tf.Tensor | undefined;
  try {
    for (const view of views) {
      const before = sum;
      sum = await addView(view, before);
      before?.dispose();
    }
  } catch (error) {
    sum?.dispose();
    throw error;
  }
  return sum!;

  async function addView({ mirrored, factor, draw }: View, before: tf.Tensor | undefined) {
    const changed = inputs.map((input) =>
      input.rank < 4
        ? tf.clone(input)
        : tf.tidy(() => {
            const scaled = tf.mul(mirrored ? tf.reverse(input, input.rank - 2) : input, factor);
            return addNoise(scaled, input, noise, seed, draw);
          }),
    );
    try {
      const found = await explain(changed);
      const added = tf.tidy(() => {
        const inPixels = inputs.some(({ rank }) => rank >= 4 && rank === found.rank);
        const width = found.rank - (inPixels ? 2 : 1);
        const back = tf.div(mirrored ? tf.reverse(found, width) : found, views.length);
        return before ? tf.add(before, back) : back;
      });
      found.dispose();
      return added;
    } finally {
      tf.dispose(changed);
    }
  }
}

/**
 * Class maps smoothed by augmentation, see {@link smoothByAugmentation}.
 *
 * Good for: maps that hang on single pixels. Fails: where left and right mean something (text, a turn signal): `flip: false`.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,h,w]
 * @throws {UsageError}, ModelError as `attentionMaps` does
 */
export function smoothedMaps(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  {
    method = 'grad-cam++',
    targetLayer,
    output,
    target,
    onProgress,
    signal,
    ...augmentation
  }: SmoothedMapsOptions = {},
): Promise<tf.Tensor> {
  const { flip = true, factors = [0.9, 1, 1.1], draws = 1 } = augmentation;
  const all = (flip ? 2 : 1) * factors.length * draws;
  let done = 0;
  const explain = (changed: tf.Tensor[]) => {
    signal?.throwIfAborted();
    const { maps, logits } = attentionMaps<tf.Tensor>(model, changed, pairs, {
      method,
      targetLayer,
      output,
      target,
      differentiateWeights: false,
    });
    logits.dispose();
    onProgress?.(++done, all);
    return maps;
  };
  return smoothByAugmentation(explain, images, augmentation);
}
