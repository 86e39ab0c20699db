import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../../errors/index.ts';
import { splitModel } from '../../gradcam/index.ts';
import { normals } from '../../random/index.ts';

export interface InvertOptions {
  /** Path of the layer whose answer is inverted. @default 'auto' */
  targetLayer?: string | undefined;
  /** @default 200 */
  steps?: number | undefined;
  /** Of Adam, as a share of the range. @default 0.02 */
  learningRate?: number | undefined;
  /** λ_α, of Σ |x − mid|^6 over the range. @default 1e-3 */
  norm?: number | undefined;
  /** λ_V, of the total variation. @default 1e-2 */
  variation?: number | undefined;
  /** [low, high] of the values that the model takes. @default [0, 1] */
  range?: readonly [number, number] | undefined;
  /** @default 0 */
  seed?: number | undefined;
  onProgress?: ((done: number, all: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface Inverted {
  /** [B,H,W,c], within the range. */
  readonly images: tf.Tensor4D;
  /** ‖Φ(x) − Φ₀‖² / ‖Φ₀‖² of each image: of the noise that it began with, and at the end. */
  readonly before: Float32Array;
  readonly after: Float32Array;
}

/**
 * Inverted representations: another image that a layer cannot tell from the first, so that what is missing in it is what
 * the layer has forgotten.
 *
 *     x* = argmin_x ‖Φ(x) − Φ(x₀)‖² / ‖Φ(x₀)‖² + λ_α mean |2 (x − mid) / span|⁶ + λ_V mean √(Δ_h² + Δ_w²)
 *
 * (Mahendran and Vedaldi, "Understanding Deep Image Representations by Inverting Them", CVPR 2015, arXiv 1412.0035, Eq 1 to 3,
 * β = 1.) By Adam from noise, where the paper has gradient descent with momentum; regularisers are means, so that their
 * weights do not depend on the size.
 *
 * @param images x₀ [B,H,W,c]
 * @throws {UsageError} for options that do not fit
 */
export async function invertFeatures(
  model: tfl.LayersModel,
  images: tf.Tensor4D,
  options: InvertOptions = {},
): Promise<Inverted> {
  const { targetLayer, steps = 200, learningRate = 0.02, norm = 1e-3, variation = 1e-2 } = options;
  const { range = [0, 1], seed = 0, onProgress, signal } = options;
  const [low, high] = range;
  if (!(high > low)) throw new UsageError(`range: expected [low, high], received [${range.join(', ')}]`);
  if (!(Number.isInteger(steps) && steps >= 1)) {
    throw new UsageError(`steps: expected a whole number of at least 1, received ${steps}`);
  }
  const [middle, span] = [(low + high) / 2, high - low];
  const split = splitModel(model, targetLayer);
  const goal = tf.tidy(() => split.features(images).activations);
  const axes = Array.from({ length: goal.rank - 1 }, (_, i) => i + 1);
  const size = tf.tidy(() => tf.maximum(tf.sum(tf.square(goal), axes), 1e-12));
  const start = normals(images.size, seed, 'invert').map((value) => middle + 0.1 * span * value);
  let x = tf.tensor4d(start, images.shape);
  const distance = (now: tf.Tensor) =>
    tf.div(tf.sum(tf.square(tf.sub(split.features(now).activations, goal)), axes), size);
  const loss = (now: tf.Tensor) => {
    const own = now as tf.Tensor4D;
    const even = tf.mean(tf.pow(tf.square(tf.mul(tf.sub(own, middle), 2 / span)), 3), [1, 2, 3]);
    return tf.sum(
      tf.add(distance(own), tf.add(tf.mul(even, norm), tf.mul(totalVariation(own, span), variation))),
    );
  };
  const read = async () => {
    const found = tf.tidy(() => distance(x));
    const values = Float32Array.from(await found.data());
    found.dispose();
    return values;
  };
  const before = await read();
  let [first, second] = [tf.zerosLike(x), tf.zerosLike(x)];
  const slope = tf.grad(loss);
  try {
    for (let step = 1; step <= steps; step++) {
      const [next, m, v] = tf.tidy(() => {
        const g = slope(x);
        const newFirst = tf.add(tf.mul(first, 0.9), tf.mul(g, 0.1));
        const newSecond = tf.add(tf.mul(second, 0.999), tf.mul(tf.square(g), 0.001));
        const direction = tf.div(
          tf.div(newFirst, 1 - 0.9 ** step),
          tf.add(tf.sqrt(tf.div(newSecond, 1 - 0.999 ** step)), 1e-8),
        );
        const moved = tf.clipByValue(tf.sub(x, tf.mul(direction, learningRate * span)), low, high);
        return [moved as tf.Tensor4D, newFirst as tf.Tensor4D, newSecond as tf.Tensor4D] as const;
      }) as unknown as [tf.Tensor4D, tf.Tensor4D, tf.Tensor4D];
      tf.dispose([x, first, second]);
      [x, first, second] = [next, m, v];
      onProgress?.(step, steps);
      await setImmediate();
      signal?.throwIfAborted();
    }
    const after = await read();
    return { images: x, before, after };
  } catch (error) {
    x.dispose();
    throw error;
  } finally {
    tf.dispose([goal, size, first, second]);
  }
}

/** mean √(Δ_h² + Δ_w² + 1e-8) of each image, over the range. */
function totalVariation(x: tf.Tensor4D, span: number): tf.Tensor {
  const [, h, w] = x.shape;
  const part = (y: number, column: number) => tf.slice(x, [0, y, column, 0], [-1, h - 1, w - 1, -1]);
  const here = part(0, 0);
  const down = tf.square(tf.div(tf.sub(part(1, 0), here), span));
  const right = tf.square(tf.div(tf.sub(part(0, 1), here), span));
  return tf.mean(tf.sqrt(tf.add(tf.add(down, right), 1e-8)), [1, 2, 3]);
}
