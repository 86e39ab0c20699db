import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../autodiff/index.ts';
import { UsageError } from '../errors/index.ts';
import { deadRange, TINY } from './dead-maps.ts';

const normalizers = {
  /** (M − min M) / (max M − min M): in [0, 1], both ends reached. */
  'min-max': (maps: tf.Tensor) => {
    const floor = extremum(maps, tf.min);
    return divide(tf.sub(maps, floor), tf.sub(extremum(maps, tf.max), floor), maps);
  },
  /** M / max M: zero stays zero. */
  max: (maps: tf.Tensor) => divide(maps, extremum(maps, tf.max), maps),
  /** M / ‖M‖₂. */
  l2: (maps: tf.Tensor) => {
    const { mask, safe } = alive(tf.sum(tf.square(maps), mapAxes(maps), true), tf.scalar(TINY));
    return tf.mul(tf.div(maps, tf.sqrt(safe)), mask);
  },
  none: (maps: tf.Tensor) => tf.clone(maps),
};

export type Normalization = keyof typeof normalizers;

/** The names of the normalisations. */
export const normalizations = Object.keys(normalizers) as readonly Normalization[];

/**
 * Normalises each map by itself, never over the batch.
 *
 * A dead map (all zero, or of one value for `min-max`) gives zeros and a gradient of zero: the denominator is
 * made safe before dividing. Where the extremum is reached in several places its gradient is shared among them.
 *
 * @param maps [P, …spatial]
 * @param mode @default 'min-max'
 * @returns the shape of `maps`
 * @throws {UsageError} for an unknown mode
 */
export function normalizeMaps<T extends tf.Tensor>(maps: T, mode: Normalization = 'min-max'): T {
  if (!normalizations.includes(mode)) {
    throw new UsageError(`normalization: expected one of ${normalizations.join(', ')}, received "${mode}"`);
  }
  return tf.tidy(() => {
    if (maps.size === 0 || mode === 'none') return tf.clone(maps);
    return normalizers[mode](atUnitScale(maps)) as T;
  });
}

/** numerator / denominator, 0 with a gradient of 0 where the denominator is not above a dead map's range. */
function divide(numerator: tf.Tensor, denominator: tf.Tensor, maps: tf.Tensor): tf.Tensor {
  const floor = withoutGradient(() => deadRange(maps, mapAxes(maps), true));
  const { mask, safe } = alive(denominator, floor);
  return tf.mul(tf.div(numerator, safe), mask);
}

function alive(denominator: tf.Tensor, floor: tf.Tensor): { mask: tf.Tensor; safe: tf.Tensor } {
  const mask = withoutGradient(() => tf.cast(tf.greater(denominator, floor), 'float32'));
  return { mask, safe: tf.add(tf.mul(denominator, mask), tf.sub(1, mask)) };
}

/**
 * Each map times a constant that makes its largest value 1. A normalised map does not depend on its scale, and so
 * neither do its gradients; but float32 does not hold the squares of a scale of 1e-10.
 */
function atUnitScale(maps: tf.Tensor): tf.Tensor {
  const scale = withoutGradient(() =>
    tf.tidy(() => {
      const largest = tf.max(tf.abs(maps), mapAxes(maps), true);
      const isTiny = tf.lessEqual(largest, TINY);
      return tf.div(1, tf.where(isTiny, tf.onesLike(largest), largest));
    }),
  );
  return tf.mul(maps, scale);
}

/**
 * The smallest or largest value of each map as the mean of the places that reach it: a selection, which can be
 * differentiated to any order, and shares the gradient among ties (tfjs gives each of them all of it).
 */
function extremum(
  maps: tf.Tensor,
  of: (x: tf.Tensor, axes: number[], keepDims: boolean) => tf.Tensor,
): tf.Tensor {
  const axes = mapAxes(maps);
  const share = withoutGradient(() =>
    tf.tidy(() => {
      const places = tf.cast(tf.equal(maps, of(maps, axes, true)), 'float32');
      return tf.div(places, tf.sum(places, axes, true));
    }),
  );
  return tf.sum(tf.mul(maps, share), axes, true);
}

function mapAxes({ rank }: tf.Tensor): number[] {
  return Array.from({ length: rank - 1 }, (_, i) => i + 1);
}
