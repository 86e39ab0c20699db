import * as tf from '@tensorflow/tfjs-core';
import type { GradientRule } from './gradient-rule.ts';
import { linearInterpolation, separableProduct } from './resampling.ts';

interface ResizeAttrs {
  alignCorners: boolean;
  halfPixelCenters: boolean;
  size: [number, number];
}

/** Where target sample `index` lies among the source samples, by the rules of the tfjs kernels. */
function sourcePosition(
  from: number,
  to: number,
  { alignCorners, halfPixelCenters }: ResizeAttrs,
  nearest: boolean,
) {
  const scale = alignCorners && to > 1 ? (from - 1) / (to - 1) : from / to;
  return (index: number): number => {
    if (!nearest) return halfPixelCenters ? (index + 0.5) * scale - 0.5 : index * scale;
    const position = (halfPixelCenters ? index + 0.5 : index) * scale;
    return Math.min(alignCorners ? Math.round(position) : Math.floor(position), from - 1);
  };
}

/** dx = R_Hᵀ · dy · R_W per image and channel, with the matrices of the forward resize R_H · x · R_Wᵀ. */
function transposedResize(
  dy: tf.Tensor,
  [B, h, w, K]: number[],
  attrs: ResizeAttrs,
  nearest: boolean,
): tf.Tensor {
  const [, H, W] = dy.shape as number[];
  const matrix = (from: number, to: number) =>
    tf.transpose(
      tf.tensor2d(linearInterpolation(from, to, sourcePosition(from, to, attrs, nearest)), [to, from]),
    );
  const maps = tf.reshape(tf.transpose(dy, [0, 3, 1, 2]), [B! * K!, H!, W!]) as tf.Tensor3D;
  const resized = separableProduct(maps, matrix(h!, H!), matrix(w!, W!));
  return tf.transpose(tf.reshape(resized, [B!, K!, h!, w!]), [0, 2, 3, 1]);
}

/** Sum over the block of target pixels that an enlargement by whole numbers made of one source pixel. */
function blockSum(dy: tf.Tensor4D, rows: number, columns: number): tf.Tensor {
  return tf.mul(tf.avgPool(dy, [rows, columns], [rows, columns], 'valid'), rows * columns);
}

/**
 * `tf.image.resizeBilinear` and `resizeNearestNeighbor`.
 *
 * The gradient kernels of tfjs know nothing of `halfPixelCenters`; on the cpu backend ResizeBilinearGrad swaps height
 * and width of images that are not square, and ResizeNearestNeighborGrad mixes up the images of a batch. None of
 * them is used here.
 */
export const resizingRules: Record<string, GradientRule> = {
  [tf.ResizeBilinear]: {
    inputs: ['images'],
    backward: (dy, [images], attrs: ResizeAttrs) => ({
      images: () => transposedResize(dy, images.shape, attrs, false),
    }),
  },
  [tf.ResizeNearestNeighbor]: {
    inputs: ['images'],
    backward: (dy, [images], attrs: ResizeAttrs) => ({
      images: () => {
        const rows = dy.shape[1]! / images.shape[1];
        const columns = dy.shape[2]! / images.shape[2];
        const isWhole = Number.isInteger(rows) && Number.isInteger(columns) && !attrs.alignCorners;
        return isWhole
          ? blockSum(dy as tf.Tensor4D, rows, columns)
          : transposedResize(dy, images.shape, attrs, true);
      },
    }),
  },
};
