import * as tf from '@tensorflow/tfjs-core';

/** Rows with a 1 in the given column, [columns.length, width]. `tf.oneHot` refuses a width of 1. */
export function oneHot(columns: readonly number[], width: number): tf.Tensor2D {
  const values = new Float32Array(columns.length * width);
  for (const [row, column] of columns.entries()) values[row * width + column] = 1;
  return tf.tensor2d(values, [columns.length, width]);
}
