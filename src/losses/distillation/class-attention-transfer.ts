import * as tf from '@tensorflow/tfjs-core';
import { downsampleArea } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import { type ReductionOptions, weightedMean } from '../weighted-mean.ts';
import { unitMaps } from './unit-maps.ts';

export interface ClassAttentionTransferOptions extends ReductionOptions {
  /** Side of the pooled maps, in cells. @default 2, the paper's */
  readonly cells?: number | undefined;
}

/**
 * CAT-KD: the class activation maps of all classes, pooled to a few cells and as unit vectors, and their mean
 * squared difference.
 *
 *     L_CAT = Σ_b w_b 1/(C n²) Σ_c ‖φ(M_s,bc)/‖φ(M_s,bc)‖₂ − φ(M_t,bc)/‖φ(M_t,bc)‖₂‖²₂ / Σ_b w_b,   φ: average pooling to n×n
 *
 * @param student class activation maps `[B,h,w,C]`, not clipped
 * @param teacher class activation maps `[B,h',w',C]`; a constant
 * @returns scalar
 * @throws {UsageError} when the classes differ, or a map has fewer pixels than cells
 * @see Guo et al., "Class Attention Transfer Based Knowledge Distillation", CVPR 2023, arXiv 2304.12777
 */
export function classAttentionTransfer(
  student: tf.Tensor4D,
  teacher: tf.Tensor4D,
  { cells = 2, ...reduction }: ClassAttentionTransferOptions = {},
): tf.Scalar {
  const [samples, , , classes] = student.shape;
  if (teacher.shape[0] !== samples || teacher.shape[3] !== classes) {
    throw new UsageError(
      `teacher: class activation maps must be [${samples},h,w,${classes}] as the student's, were [${teacher.shape}]`,
    );
  }
  return tf.tidy(() => {
    const squares = tf.square(tf.sub(pooled(student, cells), pooled(teacher, cells)));
    const perImage = tf.mean(tf.reshape(squares, [samples, -1]), 1) as tf.Tensor1D;
    return weightedMean(perImage, reduction);
  });
}

/** Every class's map at n×n cells, as a unit vector: `[B·C,n²]`. */
function pooled(maps: tf.Tensor4D, cells: number): tf.Tensor2D {
  const [samples, h, w, classes] = maps.shape;
  if (!Number.isInteger(cells) || cells < 1 || h < cells || w < cells) {
    throw new UsageError(
      `cells: must be a whole number from 1 to the size of the maps (${h}x${w}), was ${cells}`,
    );
  }
  const each = tf.reshape(tf.transpose(maps, [0, 3, 1, 2]), [samples * classes, h, w]) as tf.Tensor3D;
  return unitMaps(downsampleArea(each, [cells, cells]));
}
