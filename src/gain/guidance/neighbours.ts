import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';

/**
 * Rand-R4's neighbours: noise where nothing should matter.
 *
 *     x_k = x + δ_k ⊙ E,   δ_k ~ U(0, ε) in every pixel and channel
 *
 * @param images x `[B,H,W,c]`
 * @param irrelevant E `[B,H,W]`
 * @returns K images of the batch's shape, constants
 * @throws {UsageError} when ε is not above 0 or there is no draw
 */
export function drawnNeighbours(
  images: tf.Tensor4D,
  irrelevant: tf.Tensor3D,
  { epsilon, draws, seed }: { readonly epsilon: number; readonly draws: number; readonly seed: number },
): tf.Tensor4D[] {
  requireSteps('draws', draws, epsilon);
  const mask = tf.expandDims(irrelevant, 3);
  return Array.from({ length: draws }, (_, k) =>
    withoutGradient(() => {
      // A seed of its own for each draw; tfjs scrambles what it is given.
      const noise = tf.randomUniform<tf.Rank.R4>(images.shape, 0, epsilon, 'float32', seed + (k + 1) * 7919);
      return tf.add<tf.Tensor4D>(images, tf.mul(noise, mask));
    }),
  );
}

/**
 * PGD-R4's neighbour: where nothing should matter, steps up the loss by the sign of its slope.
 *
 *     x ← x₀ + clip(x + ε sign(∂L/∂x) ⊙ E − x₀, −ε, ε)
 *
 * and within the range of the batch's own pixels. A step is as long as ε, as in the authors' code.
 *
 * @param images x₀ `[B,H,W,c]`
 * @param irrelevant E `[B,H,W]`
 * @param slope ∂L/∂x of images
 * @returns `[B,H,W,c]`, a constant
 * @throws {UsageError} when ε is not above 0 or there is no step
 */
export function climbedNeighbour(
  images: tf.Tensor4D,
  irrelevant: tf.Tensor3D,
  slope: (images: tf.Tensor4D) => tf.Tensor4D,
  { epsilon, steps }: { readonly epsilon: number; readonly steps: number },
): tf.Tensor4D {
  requireSteps('steps', steps, epsilon);
  return withoutGradient(() => {
    const mask = tf.expandDims(irrelevant, 3);
    const [darkest, brightest] = [tf.min(images), tf.max(images)];
    let near = images;
    for (let i = 0; i < steps; i++) {
      const up = tf.mul(tf.mul(tf.sign(slope(near)), mask), epsilon);
      const away = tf.clipByValue(tf.sub(tf.add(near, up), images), -epsilon, epsilon);
      near = tf.minimum(tf.maximum(tf.add(images, away), darkest), brightest);
    }
    return near;
  });
}

function requireSteps(name: string, count: number, epsilon: number): void {
  if (!(Number.isInteger(count) && count > 0)) {
    throw new UsageError(`${name}: must be a whole number above 0, was ${count}`);
  }
  if (!(epsilon > 0 && epsilon < Infinity)) {
    throw new UsageError(`epsilon: must be a finite number above 0, was ${epsilon}`);
  }
}
