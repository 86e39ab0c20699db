import * as tf from '@tensorflow/tfjs-core';
import { type ReductionOptions, weightedMean } from '../weighted-mean.ts';
import { toGrid } from './same-grid.ts';
import { unitMaps } from './unit-maps.ts';

/**
 * The explanation term of e²KD: one minus the cosine between the maps of student and teacher.
 *
 *     L_exp = Σ_p w_p (1 − ⟨E_s,p, E_t,p⟩ / (‖E_s,p‖ ‖E_t,p‖)) / Σ_p w_p
 *
 * The paper takes the teacher's most likely class. A map of zeros has no direction: where both are, they agree
 * and the pair adds 0; where one is, it adds 1; without gradient both.
 *
 * @param student E_s `[P,h,w]`
 * @param teacher E_t `[P,h',w']`; a constant, brought to the student's grid
 * @returns scalar, from 0 to 2
 * @see Parchami-Araghi et al., "Good Teachers Explain: Explanation-Enhanced Knowledge Distillation", ECCV 2024,
 *   arXiv 2402.03119
 */
export function explanationSimilarity(
  student: tf.Tensor3D,
  teacher: tf.Tensor3D,
  reduction: ReductionOptions = {},
): tf.Scalar {
  return tf.tidy(() => {
    const [, h, w] = student.shape;
    const s = unitMaps(student);
    const t = unitMaps(toGrid(teacher, [h, w]));
    const directed = (rows: tf.Tensor) => tf.cast(tf.greater(tf.sum(tf.square(rows), 1), 0), 'float32');
    // 1 wherever at least one of the two has a direction.
    const either = tf.maximum(directed(s), directed(t));
    const apart = tf.sub(either, tf.sum(tf.mul(s, t), 1)) as tf.Tensor1D;
    return weightedMean(apart, reduction);
  });
}
