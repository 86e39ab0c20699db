import * as tf from '@tensorflow/tfjs-core';
import { separableProduct } from '../autodiff/index.ts';

/** Sharpness of the cubic kernel: OpenCV's. */
const sharpness = -0.75;

/**
 * Resizes maps with cubic interpolation, half-pixel centres, edges held: OpenCV's INTER_CUBIC, with which the
 * localization benchmark brings maps to the size of the image. Overshoots the range of the map by a little.
 *
 * @param maps [P,h,w]
 * @returns [P,H,W]
 */
export function resizeCubic(maps: tf.Tensor3D, [height, width]: readonly [number, number]): tf.Tensor3D {
  const [, h, w] = maps.shape;
  return tf.tidy(() =>
    separableProduct(
      maps,
      tf.tensor2d(cubicMatrix(h, height), [height, h]),
      tf.tensor2d(cubicMatrix(w, width), [width, w]),
    ),
  );
}

/** The matrix [to, from] of cubic interpolation along one axis. */
export function cubicMatrix(from: number, to: number): Float32Array {
  const matrix = new Float32Array(to * from);
  for (let i = 0; i < to; i++) {
    const source = ((i + 0.5) * from) / to - 0.5;
    const base = Math.floor(source);
    for (let tap = -1; tap <= 2; tap++) {
      const at = Math.min(from - 1, Math.max(0, base + tap));
      matrix[i * from + at]! += kernel(source - base - tap);
    }
  }
  return matrix;
}

/** Keys' cubic convolution kernel. */
function kernel(x: number): number {
  const d = Math.abs(x);
  if (d <= 1) return (sharpness + 2) * d ** 3 - (sharpness + 3) * d ** 2 + 1;
  if (d < 2) return sharpness * (d ** 3 - 5 * d ** 2 + 8 * d - 4);
  return 0;
}
