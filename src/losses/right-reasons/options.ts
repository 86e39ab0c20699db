import type * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';

/** How the losses of single maps become one. */
export interface GuidedLossOptions {
  /** w of each map (or image), `[P]`; 0 leaves one out. @default all 1 */
  readonly weights?: tf.Tensor1D | undefined;
  /** Divides instead of Σ w: B for a mean over the batch, 1 for a sum. */
  readonly total?: number | undefined;
}

/** The same for losses that add up pixels. */
export interface PixelLossOptions extends GuidedLossOptions {
  /** Sum over the pixels of a map, which grows with its size, or their mean. */
  readonly pixels?: 'sum' | 'mean' | undefined;
}

/** @throws UsageError when masks do not have the shape `[P,h,w]` of what they judge */
export function requireMasks(masks: tf.Tensor3D, [count, h, w]: readonly number[]): void {
  const [masksCount, height, width] = masks.shape;
  if (masksCount !== count || height !== h || width !== w) {
    throw new UsageError(`masks: must have the shape [${count},${h},${w}] of the maps, had [${masks.shape}]`);
  }
}
