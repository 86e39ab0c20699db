import * as tf from '@tensorflow/tfjs-core';

/**
 * Runs `fn` without tfjs's own console messages: its advertisement for `tfjs-node` on the first use of the
 * cpu backend, and a warning per kernel when a native package registers its kernels a second time.
 *
 * The flag is restored afterwards, so warnings that matter are printed as ever. `PROD` would silence them
 * for good and switch off shape checks.
 */
export async function quietly<T>(fn: () => T | Promise<T>): Promise<T> {
  const before = tf.env().getBool('IS_TEST');
  tf.env().set('IS_TEST', true);
  try {
    return await fn();
  } finally {
    tf.env().set('IS_TEST', before);
  }
}
