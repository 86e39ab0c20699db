import * as tf from '@tensorflow/tfjs-core';
import { weightedMean } from '../weighted-mean.ts';
import { toGrid } from './same-grid.ts';

export interface ExplanationDistanceOptions {
  /** Sum over the pixels, as the paper's norm says, or their mean, which does not grow with the map. @default 'sum' */
  readonly pixels?: 'sum' | 'mean' | undefined;
  /** w of each pair, `[P]`; 0 leaves one out. @default all 1 */
  readonly weights?: tf.Tensor1D | undefined;
}

/**
 * Explanation distillation of the Grad-CAM++ paper: the squared distance of the maps of student and teacher.
 *
 *     L_interpret = Σ_p w_p ‖L_s,p − L_t,p‖²₂ / Σ_p w_p
 *
 * The teacher's maps are brought to the student's grid ({@link toGrid}). The paper does not say that maps are
 * normalised, so nothing is done to them here.
 *
 * @param student L_s `[P,h,w]`
 * @param teacher L_t `[P,h',w']`; a constant
 * @returns scalar
 * @see Chattopadhay et al., "Grad-CAM++", WACV 2018, arXiv 1710.11063, section 5
 */
export function explanationDistance(
  student: tf.Tensor3D,
  teacher: tf.Tensor3D,
  { pixels = 'sum', weights }: ExplanationDistanceOptions = {},
): tf.Scalar {
  return tf.tidy(() => {
    const [count, h, w] = student.shape;
    const squares = tf.square(tf.sub(student, toGrid(teacher, [h, w])));
    const distances = pixels === 'sum' ? tf.sum(squares, [1, 2]) : tf.mean(squares, [1, 2]);
    return weightedMean(distances as tf.Tensor1D, weights ?? tf.ones([count]));
  });
}
