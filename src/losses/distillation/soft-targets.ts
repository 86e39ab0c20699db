import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import type { Link } from '../classification.ts';
import { type ReductionOptions, weightedMean } from '../weighted-mean.ts';

export interface SoftTargetsOptions extends ReductionOptions {
  /** T. @default 4, as in section 5 of the Grad-CAM++ paper */
  readonly temperature?: number | undefined;
  /** `sigmoid` takes every class as a question of its own, for labels that do not exclude each other. @default 'softmax' */
  readonly link?: Link | undefined;
}

/**
 * Hinton's distillation: the student's answers at a temperature against the teacher's.
 *
 *     L_KD = T² Σ_b w_b KL(p_b ‖ q_b) / Σ_b w_b,   p = link(t/T), q = link(s/T)
 *
 *     KL sums over the classes under a softmax, and is the mean over them under a sigmoid
 *
 * T² keeps the size of the gradient when T changes. KL rather than cross-entropy: the same gradient, and 0 when
 * student and teacher agree.
 *
 * @param student s, logits `[B,C]`
 * @param teacher t, logits `[B,C]`; a constant
 * @returns scalar
 * @throws {UsageError} when the shapes differ or the temperature is not above 0
 * @see Hinton, Vinyals, Dean, "Distilling the Knowledge in a Neural Network", 2015, arXiv 1503.02531, section 2
 */
export function softTargets(
  student: tf.Tensor2D,
  teacher: tf.Tensor2D,
  { temperature = 4, link = 'softmax', ...reduction }: SoftTargetsOptions = {},
): tf.Scalar {
  if (!tf.util.arraysEqual(student.shape, teacher.shape)) {
    throw new UsageError(
      `teacher: logits must have the student's shape, [${student.shape}], had [${teacher.shape}]`,
    );
  }
  if (!(temperature > 0 && temperature < Infinity)) {
    throw new UsageError(`temperature: must be a finite number above 0, was ${temperature}`);
  }
  return tf.tidy(() => {
    const s = tf.div(student, temperature);
    const t = tf.div(teacher, temperature);
    const divergence = link === 'softmax' ? softmaxDivergence(t, s) : sigmoidDivergence(t, s);
    return tf.mul<tf.Scalar>(weightedMean(divergence as tf.Tensor1D, reduction), temperature ** 2);
  });
}

/** Σ_c p (log p − log q), `[B]`. */
function softmaxDivergence(t: tf.Tensor, s: tf.Tensor): tf.Tensor {
  return tf.sum(tf.mul(tf.softmax(t), tf.sub(tf.logSoftmax(t), tf.logSoftmax(s))), 1);
}

/** Mean over the classes of p (log p − log q) + (1 − p) (log(1−p) − log(1−q)), `[B]`; from logits, so finite. */
function sigmoidDivergence(t: tf.Tensor, s: tf.Tensor): tf.Tensor {
  // log σ(x) = −softplus(−x) and log(1 − σ(x)) = −softplus(x)
  const yes = tf.mul(tf.sigmoid(t), tf.sub(tf.softplus(tf.neg(s)), tf.softplus(tf.neg(t))));
  const no = tf.mul(tf.sigmoid(tf.neg(t)), tf.sub(tf.softplus(s), tf.softplus(t)));
  return tf.mean(tf.add(yes, no), 1);
}
