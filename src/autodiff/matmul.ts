import * as tf from '@tensorflow/tfjs-core';
import { type GradientRule, type InputGradients, sumTo } from './gradient-rule.ts';

/** Derivatives of op(a) · op(b), where op transposes or does not; batch axes may have been broadcast. */
export function matMulGradients(dy: tf.Tensor, a: tf.Tensor, b: tf.Tensor, attrs: object): InputGradients {
  const { transposeA, transposeB } = attrs as { transposeA: boolean; transposeB: boolean };
  return {
    a: () =>
      sumTo(transposeA ? tf.matMul(b, dy, transposeB, true) : tf.matMul(dy, b, false, !transposeB), a.shape),
    b: () =>
      sumTo(transposeB ? tf.matMul(dy, a, true, transposeA) : tf.matMul(a, dy, !transposeA, false), b.shape),
  };
}

/** Matrix products (tfjs has no gradient where a batch axis was broadcast). */
export const matMulRules: Record<string, GradientRule> = {
  [tf.BatchMatMul]: {
    inputs: ['a', 'b'],
    backward: (dy, [a, b], attrs) => matMulGradients(dy, a, b, attrs),
  },
};
