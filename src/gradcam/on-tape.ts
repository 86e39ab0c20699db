import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../autodiff/index.ts';

/**
 * Runs `fn` with a gradient tape on, so that several backward passes can share one forward pass.
 *
 * Inside an outer `tf.grads` or `tf.variableGrads` the outer tape serves; else one is made for the time of the
 * call. `tf.grad(() => y)(x)` then finds y's history although y was computed before.
 *
 * @returns what `fn` returns; its tensors belong to the caller's tidy
 */
export function onTape<T extends Record<string, tf.Tensor>>(fn: () => T): T {
  if (tf.engine().isTapeOn()) return fn();
  let kept: T | undefined;
  // tfjs makes a tape only around a derivative: of a constant, with respect to a constant, which costs nothing.
  // withoutGradient gives back what the tape saved, should `fn` throw.
  withoutGradient(() => {
    const recorded = () => {
      kept = fn();
      for (const tensor of Object.values(kept)) tf.keep(tensor);
      return tf.scalar(0);
    };
    tf.engine().gradients(recorded, [tf.scalar(0)], undefined, true);
  });
  // A kept tensor belongs to nobody; its copy belongs to the scope that asked.
  return Object.fromEntries(
    Object.entries(kept!).map(([name, tensor]) => {
      const copy = tf.clone(tensor);
      tensor.dispose();
      return [name, copy];
    }),
  ) as T;
}
