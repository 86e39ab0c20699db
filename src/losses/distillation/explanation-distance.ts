import * as tf from '@tensorflow/tfjs-core';
import { overPixels, type PixelReductionOptions, weightedMean } from '../weighted-mean.ts';
import { toGrid } from './same-grid.ts';

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
 * @param options `pixels` is `'sum'` unless told, as the paper's norm says; the mean does not grow with the map
 * @returns scalar
 * @see Chattopadhay et al., "Grad-CAM++", WACV 2018, arXiv 1710.11063, section 5
 */
export function explanationDistance(
  student: tf.Tensor3D,
  teacher: tf.Tensor3D,
  { pixels = 'sum', ...reduction }: PixelReductionOptions = {},
): tf.Scalar {
  return tf.tidy(() => {
    const [, h, w] = student.shape;
    const squares = tf.square(tf.sub(student, toGrid(teacher, [h, w])));
    return weightedMean(overPixels(squares, pixels), reduction);
  });
}
