import type * as tf from '@tensorflow/tfjs-core';

/** The axes between batch and channels: [1, 2] for an image, [1, 2, 3] for a volume. */
export function spatialAxes({ rank }: tf.Tensor): number[] {
  return Array.from({ length: rank - 2 }, (_, i) => i + 1);
}
