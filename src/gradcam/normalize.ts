import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../autodiff/index.ts';
import { UsageError } from '../errors/index.ts';

/** A map whose extent of values is at most this is dead: dividing by it would leave float32 in second order. */
const deadBelow = 1e-10;

const normalizers = {
  /** (M − min M) / (max M − min M): in [0, 1], both ends reached. */
  'min-max': (maps: tf.Tensor) => {
    const floor = extremum(maps, tf.min);
    return divide(tf.sub(maps, floor), tf.sub(extremum(maps, tf.max), floor));
  },
  /** M / max M: zero stays zero. */
  max: (maps: tf.Tensor) => divide(maps, extremum(maps, tf.max)),
  /** M / ‖M‖₂. */
  l2: (maps: tf.Tensor) => {
    const { mask, safe } = alive(tf.sum(tf.square(maps), mapAxes(maps), true), deadBelow ** 2);
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
 * @throws UsageError for an unknown mode
 */
export function normalizeMaps<T extends tf.Tensor>(maps: T, mode: Normalization = 'min-max'): T {
  if (!normalizations.includes(mode)) {
    throw new UsageError(`normalization: expected one of ${normalizations.join(', ')}, received "${mode}"`);
  }
  return tf.tidy(() => (maps.size === 0 ? tf.clone(maps) : (normalizers[mode](maps) as T)));
}

/**
 * Which maps are dead: of one value all over, so that they point nowhere. Its mean is the share to warn of.
 *
 * @param maps [P, …spatial]
 * @returns [P], 1 for a dead map, else 0; carries no gradient
 */
export function deadMaps(maps: tf.Tensor): tf.Tensor1D {
  return withoutGradient(() =>
    tf.tidy(() => {
      if (maps.size === 0) return tf.zeros([maps.shape[0]!]);
      const axes = mapAxes(maps);
      const range = tf.sub(tf.max(maps, axes), tf.min(maps, axes));
      return tf.cast(tf.lessEqual(range, deadBelow), 'float32') as tf.Tensor1D;
    }),
  );
}

/** numerator / denominator, 0 with a gradient of 0 where the denominator is not above `deadBelow`. */
function divide(numerator: tf.Tensor, denominator: tf.Tensor): tf.Tensor {
  const { mask, safe } = alive(denominator, deadBelow);
  return tf.mul(tf.div(numerator, safe), mask);
}

function alive(denominator: tf.Tensor, floor: number): { mask: tf.Tensor; safe: tf.Tensor } {
  const mask = withoutGradient(() => tf.cast(tf.greater(denominator, floor), 'float32'));
  return { mask, safe: tf.add(tf.mul(denominator, mask), tf.sub(1, mask)) };
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
