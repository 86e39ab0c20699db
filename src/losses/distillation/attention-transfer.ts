import * as tf from '@tensorflow/tfjs-core';
import { type ReductionOptions, weightedMean } from '../weighted-mean.ts';
import { toGrid } from './same-grid.ts';
import { lengths, unitMaps } from './unit-maps.ts';

export interface AttentionTransferOptions extends ReductionOptions {
  /**
   * `norm`: ‖…‖₂, as the paper writes it (Eq 2). `mean-square`: the mean of the squared differences, which
   * its authors' code computes; it is far smaller, and smooth where the maps agree.
   * @default 'norm'
   */
  readonly form?: 'norm' | 'mean-square' | undefined;
}

/**
 * A layer's activation-based attention map.
 *
 *     Q = Σ_k A_k²     (F²_sum of section 3.1)
 *
 * @param activations A `[B,h,w,K]`
 * @returns `[B,h,w]`
 */
export function spatialAttention(activations: tf.Tensor4D): tf.Tensor3D {
  return tf.tidy(() => tf.sum(tf.square(activations), 3));
}

/**
 * Attention transfer: the attention maps of student and teacher as unit vectors, and their distance.
 *
 *     L_AT = Σ_b w_b ‖Q_s,b/‖Q_s,b‖₂ − Q_t,b/‖Q_t,b‖₂‖₂ / Σ_b w_b     (Eq 2 for one pair of layers, without its β/2)
 *
 * @param student activations of the student's layer, `[B,h,w,K]`
 * @param teacher activations of the teacher's layer, `[B,h',w',K']`; a constant, its map brought to the
 *   student's grid
 * @returns scalar
 * @see Zagoruyko, Komodakis, "Paying More Attention to Attention", ICLR 2017, arXiv 1612.03928
 */
export function attentionTransfer(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  { form = 'norm', ...reduction }: AttentionTransferOptions = {},
): tf.Scalar {
  return tf.tidy(() => {
    const [, h, w] = student.shape;
    const s = unitMaps(spatialAttention(student));
    const t = unitMaps(toGrid(spatialAttention(teacher), [h, w]));
    const apart = tf.sub(s, t);
    const distances = form === 'norm' ? lengths(apart) : (tf.mean(tf.square(apart), 1) as tf.Tensor1D);
    return weightedMean(distances, reduction);
  });
}
