import * as tf from '@tensorflow/tfjs-core';
import { interpolationMatrix, productAlongDepth, upsampleBilinear } from '../autodiff/index.ts';
import { UsageError } from '../errors/index.ts';

/**
 * Resizes maps to the image: bilinear, trilinear for volumes, half-pixel centres (PyTorch's
 * `align_corners=False`). Products with constant matrices, one per axis, exact to any order of derivative.
 *
 * @param maps [P,h,w] or [P,d,h,w]
 * @param size [H,W] or [D,H,W]
 * @returns [P,H,W] or [P,D,H,W]
 * @throws {UsageError} when `size` does not have one entry per axis
 */
export function upsampleMaps<T extends tf.Tensor>(maps: T, size: readonly number[]): T {
  if (size.length !== maps.rank - 1 || (size.length !== 2 && size.length !== 3)) {
    throw new UsageError(
      `size: expected [H, W] for maps [P, h, w], or [D, H, W] for maps [P, d, h, w], received [${size.join(', ')}] ` +
        `for maps [${maps.shape.join(', ')}]`,
    );
  }
  if (size.length === 2) {
    return upsampleBilinear(maps as unknown as tf.Tensor3D, [size[0]!, size[1]!]) as unknown as T;
  }
  const [depth, height, width] = size as [number, number, number];
  const [pairs, d, h, w] = maps.shape as [number, number, number, number];
  return tf.tidy(() => {
    const slices = upsampleBilinear(tf.reshape(maps, [pairs * d, h, w]), [height, width]);
    const alongDepth = tf.tensor2d(interpolationMatrix(d, depth), [depth, d]);
    const deep = tf.reshape(slices, [pairs, d, height, width]) as tf.Tensor4D;
    return productAlongDepth(deep, alongDepth) as unknown as T;
  });
}
