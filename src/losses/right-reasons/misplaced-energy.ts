import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';
import { type ReductionOptions, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

/** A map with less in all than this points nowhere; dividing by its sum would leave float32 in second order. */
const deadBelow = 1e-10;

/**
 * Energy: the share of a map that lies where it should not, one minus the energy-based pointing game.
 *
 *     L = Σ_p w_p (1 − Σ_ij H_p,ij A⁺_p,ij / Σ_ij A⁺_p,ij) / Σ_p w_p,   A⁺ = max(A, 0)
 *
 * It needs no normalisation, and says nothing about how a map is spread within the object. A dead map costs 1 and
 * has no gradient.
 *
 * @param maps A `[P,h,w]`, of any scale
 * @param relevant H `[P,h,w]`, 1 on what matters; given masks of what must not matter, 1 − those, and L is the
 *   share of the map on them
 * @returns scalar
 * @throws {UsageError} when masks and maps differ in shape
 * @see Rao et al., "Studying How to Efficiently and Effectively Guide Models with Explanations", ICCV 2023,
 *   arXiv 2303.11932
 */
export function misplacedEnergy(
  maps: tf.Tensor3D,
  relevant: tf.Tensor3D,
  reduction: ReductionOptions = {},
): tf.Scalar {
  requireMasks(relevant, maps.shape);
  return tf.tidy(() => {
    const positive = tf.relu(maps);
    const whole = tf.sum(positive, [1, 2]);
    const inside = tf.sum(tf.mul(positive, relevant), [1, 2]);
    const alive = withoutGradient(() => tf.cast(tf.greater(whole, deadBelow), 'float32'));
    const safe = tf.add(tf.mul(whole, alive), tf.sub(1, alive));
    const misplaced = tf.sub(1, tf.mul(tf.div(inside, safe), alive));
    return weightedMean(misplaced as tf.Tensor1D, reduction);
  });
}
