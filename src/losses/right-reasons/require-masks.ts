import type * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';

/** @throws {UsageError} when masks do not have the shape `[P,h,w]` of what they judge */
export function requireMasks(masks: tf.Tensor3D, [count, h, w]: readonly number[]): void {
  const [masksCount, height, width] = masks.shape;
  if (masksCount !== count || height !== h || width !== w) {
    throw new UsageError(`masks: must have the shape [${count},${h},${w}] of the maps, had [${masks.shape}]`);
  }
}
