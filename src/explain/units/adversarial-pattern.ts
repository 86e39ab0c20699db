import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { forward } from '../../gradcam/index.ts';

export interface AdversarialOptions {
  /** ε, how far a value may go, in units of the pixels. @default 8 / 255 */
  epsilon?: number | undefined;
  /** @default 10 */
  steps?: number | undefined;
  /** Of one step. @default 2.5 ε / steps */
  stepSize?: number | undefined;
  /** One pattern for all images, or one for each. @default 'each' */
  shared?: 'each' | 'all' | undefined;
  /** Index or name of the output. @default 0 */
  output?: number | string | undefined;
  /** [low, high] of the values that the model takes. @default [0, 1] */
  range?: readonly [number, number] | undefined;
  onProgress?: ((done: number, all: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface Adversarial {
  /** δ, [B,H,W,c], or [1,H,W,c] of a shared one. */
  readonly pattern: tf.Tensor4D;
  /** x + δ within the range, [B,H,W,c]. */
  readonly images: tf.Tensor4D;
  /** Probability of the class, softmax of the logits, before and after. */
  readonly before: Float32Array;
  readonly after: Float32Array;
}

/**
 * Adversarial pattern of a class: a change too small to be seen that makes a network see the class.
 *
 *     δ ← clip(δ + η sign ∂/∂δ log p_c(x + δ), −ε, ε),   x + δ within the range
 *
 * (Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks", ICLR 2018, projected gradient descent towards a
 * class; one step is the fast gradient sign method, Goodfellow et al., ICLR 2015. One pattern for all images is a universal
 * perturbation as in Moosavi-Dezfooli et al., CVPR 2017, found by the same steps.)
 *
 * Good for: what a class means to a network at its weakest: patterns that follow the object speak for a network that looks at
 * it, noise for one that does not. Fails: as a measure of robustness, which needs stronger attacks.
 *
 * @param images x [B,H,W,c]
 * @param label c
 * @throws {UsageError} for options that do not fit
 */
export async function adversarialPattern(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  label: number,
  options: AdversarialOptions = {},
): Promise<Adversarial> {
  const { epsilon = 8 / 255, steps = 10, shared = 'each', output = 0, range = [0, 1] } = options;
  const { stepSize = (2.5 * epsilon) / steps, onProgress, signal } = options;
  if (!(epsilon > 0)) throw new UsageError(`epsilon: expected a number above 0, received ${epsilon}`);
  if (!(Number.isInteger(steps) && steps >= 1)) {
    throw new UsageError(`steps: expected a whole number of at least 1, received ${steps}`);
  }
  const [low, high] = range;
  const logProbability = (x: tf.Tensor) => {
    const logits = forward(model, x, { output });
    if (!(Number.isInteger(label) && label >= 0 && label < logits.shape[1])) {
      throw new UsageError(`label: expected a class from 0 to ${logits.shape[1] - 1}, received ${label}`);
    }
    return tf.slice(tf.logSoftmax(logits), [0, label], [-1, 1]);
  };
  const changed = (delta: tf.Tensor) => tf.clipByValue(tf.add(images, delta), low, high) as tf.Tensor4D;
  const probabilities = async (delta: tf.Tensor) => {
    const found = tf.tidy(() => tf.exp(logProbability(changed(delta))));
    const values = Float32Array.from(await found.data());
    found.dispose();
    return values;
  };
  const [count, ...shape] = images.shape;
  let delta = tf.zeros<tf.Rank.R4>([shared === 'all' ? 1 : count, ...shape] as [
    number,
    number,
    number,
    number,
  ]);
  try {
    const before = await probabilities(delta);
    // The clip of the range is left out of the derivative: a pixel at its end may still turn back.
    const slope = tf.grad((d: tf.Tensor) => tf.sum(logProbability(tf.add(images, d))));
    for (let step = 0; step < steps; step++) {
      const next = tf.tidy(() => {
        const moved = tf.add(delta, tf.mul(tf.sign(slope(delta)), stepSize));
        const near = tf.clipByValue(moved, -epsilon, epsilon);
        // Of its own pattern an image keeps what stays within the range.
        return (shared === 'all' ? near : tf.sub(changed(near), images)) as tf.Tensor4D;
      });
      delta.dispose();
      delta = next;
      onProgress?.(step + 1, steps);
      await setImmediate();
      signal?.throwIfAborted();
    }
    const after = await probabilities(delta);
    return { pattern: delta, images: tf.tidy(() => changed(delta)), before, after };
  } catch (error) {
    delta.dispose();
    throw error;
  }
}
