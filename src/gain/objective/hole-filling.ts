import * as tf from '@tensorflow/tfjs-core';
import { gaussianBlur } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import { tfjsSeed } from '../../gradcam/index.ts';

/**
 * What stands where a region was removed from an image:
 * - `zero`: the paper's choice (Eq 3); for images centred on 0 that is the mean colour;
 * - `mean`: one pixel, or else the mean pixel of each image;
 * - `blur`: the image under a Gaussian of a standard deviation of `sigma` pixels, an eighth of the shorter
 *   side unless told;
 * - `noise`: Gaussian noise with the mean and the deviation of each image's own channels, drawn with the
 *   objective's seed.
 */
export type HoleFilling =
  | 'zero'
  | 'mean'
  | 'blur'
  | 'noise'
  | { readonly kind: 'zero' | 'noise' }
  | { readonly kind: 'mean'; readonly pixel?: readonly number[] | undefined }
  | { readonly kind: 'blur'; readonly sigma?: number | undefined };

/**
 * Removes a soft region from images.
 *
 *     I* = I ⊙ (1 − T) + F ⊙ T     (Eq 3, where the filling F is 0)
 *
 * @param images I `[N,H,W,c]`, of clips and volumes `[N,T,H,W,c]`
 * @param softMasks T `[N,H,W]` or `[N,T,H,W]`, 1 where the image is removed
 * @param filling F: zeros when `undefined`, else a shape that broadcasts to the images
 * @returns the shape of `images`
 */
export function removeRegion<I extends tf.Tensor = tf.Tensor4D>(
  images: I,
  softMasks: tf.Tensor,
  filling: I | undefined,
): I {
  return tf.tidy(() => {
    const removed = tf.expandDims(softMasks, -1);
    return filling === undefined
      ? tf.mul(images, tf.sub(1, removed))
      : tf.add(images, tf.mul(removed, tf.sub(filling, images)));
  });
}

/**
 * The filling F of the holes of images.
 *
 * @param images `[B,H,W,c]`, of clips and volumes `[B,T,H,W,c]`: a blur stays within its frame, mean and noise are those of
 *   the whole clip
 * @param seed of the noise
 * @returns `[B,H,W,c]`, or `[B,1,1,c]` or `[1,1,1,c]` for a single pixel, and alike of clips; `undefined` for zeros
 * @throws {UsageError} when the pixel has not c values or sigma is not above 0
 */
export function holeFilling<I extends tf.Tensor = tf.Tensor4D>(
  images: I,
  filling: HoleFilling,
  seed: number,
): I | undefined {
  const chosen = typeof filling === 'string' ? { kind: filling } : filling;
  const channels = images.shape.at(-1)!;
  const [height, width] = images.shape.slice(-3) as [number, number];
  const spatial = images.shape.slice(1, -1).map((_, axis) => axis + 1);
  switch (chosen.kind) {
    case 'zero':
      return undefined;
    case 'mean': {
      const { pixel } = chosen as { pixel?: readonly number[] };
      if (pixel === undefined) return tf.mean(images, spatial, true) as I;
      if (pixel.length !== channels) {
        throw new UsageError(
          `fill.pixel: must have one value per channel (${channels}), had ${pixel.length}`,
        );
      }
      return tf.tensor(Array.from(pixel), [1, ...spatial.map(() => 1), channels]) as I;
    }
    case 'blur': {
      const { sigma = Math.min(height, width) / 8 } = chosen as { sigma?: number };
      if (!(sigma > 0)) throw new UsageError(`fill.sigma: must be above 0, was ${sigma}`);
      return tf.tidy(() => {
        const frames = tf.reshape(images, [-1, height, width, channels]) as tf.Tensor4D;
        return tf.reshape(gaussianBlur(frames, sigma), images.shape) as I;
      });
    }
    case 'noise':
      return tf.tidy(() => {
        const { mean, variance } = tf.moments(images, spatial, true);
        const noise = tf.randomNormal(images.shape, 0, 1, 'float32', tfjsSeed(seed));
        return tf.add(mean, tf.mul(noise, tf.sqrt(variance))) as I;
      });
    default:
      throw new UsageError(`fill: must be zero, mean, blur or noise, was ${JSON.stringify(filling)}`);
  }
}
