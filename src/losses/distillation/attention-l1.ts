import * as tf from '@tensorflow/tfjs-core';
import { magnitude } from '../magnitude.ts';
import { type ReductionOptions, weightedMean } from '../weighted-mean.ts';
import { toGrid } from './same-grid.ts';
import { unitMaps } from './unit-maps.ts';

/**
 * The attention distillation loss of Learning without Memorizing: L1 between maps as unit vectors.
 *
 *     L_AD = Σ_p w_p Σ_j |Q_t,p,j/‖Q_t,p‖₂ − Q_s,p,j/‖Q_s,p‖₂| / Σ_p w_p     (Eq 3)
 *
 * @param student Q_s, Grad-CAM maps `[P,h,w]`
 * @param teacher Q_t `[P,h',w']`; a constant, brought to the student's grid
 * @returns scalar
 * @see Dhar et al., "Learning without Memorizing", CVPR 2019, arXiv 1811.08051
 */
export function attentionL1(
  student: tf.Tensor3D,
  teacher: tf.Tensor3D,
  reduction: ReductionOptions = {},
): tf.Scalar {
  return tf.tidy(() => {
    const [, h, w] = student.shape;
    const apart = tf.sub(unitMaps(student), unitMaps(toGrid(teacher, [h, w])));
    return weightedMean(tf.sum(magnitude(apart), 1) as tf.Tensor1D, reduction);
  });
}
