import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../autodiff/index.ts';

/**
 * A map whose values differ by no more than this share of the largest is of one value all over: the differences are
 * the rounding of the sum that made them, some units of 2⁻²⁴.
 */
const ROUNDING = 2 ** -20;

/** Below this nothing can be divided by, or not twice, within float32. */
export const TINY = 2 ** -60;

/**
 * Which maps are dead: of one value all over (up to the rounding of that value), so that they point nowhere. Its mean
 * is the share to warn of. It is the one definition of the project; {@link attentionMaps} makes maps that its score
 * cannot feel zero, so that these are dead too.
 *
 * @param maps [P, …spatial]
 * @returns [P], 1 for a dead map, else 0; carries no gradient
 */
export function deadMaps(maps: tf.Tensor): tf.Tensor1D {
  return withoutGradient(() =>
    tf.tidy(() => {
      if (maps.size === 0) return tf.zeros([maps.shape[0]!]);
      const axes = Array.from({ length: maps.rank - 1 }, (_, i) => i + 1);
      const range = tf.sub(tf.max(maps, axes), tf.min(maps, axes));
      return tf.cast(tf.lessEqual(range, deadRange(maps, axes)), 'float32') as tf.Tensor1D;
    }),
  );
}

/** The range of values up to which each map is dead. */
export function deadRange(maps: tf.Tensor, axes: number[], keepDims = false): tf.Tensor {
  const largest = tf.max(tf.abs(maps), axes, keepDims);
  return tf.maximum(tf.mul(largest, ROUNDING), TINY);
}

/** The same of one map on the host; one that is not finite is not dead. */
export function isDeadMap(map: ArrayLike<number>): boolean {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    if (!Number.isFinite(value)) return false;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return high - low <= Math.max(Math.max(Math.abs(low), Math.abs(high)) * ROUNDING, TINY);
}
