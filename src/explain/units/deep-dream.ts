import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { upsampleBilinear } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import { splitModel } from '../../gradcam/index.ts';
import { randomFor } from '../../random/index.ts';
import { roll } from './roll.ts';

export interface DeepDreamOptions {
  /** Path of the layer whose answers grow. @default 'auto' */
  targetLayer?: string | undefined;
  /** Sizes that the image is dreamt at, from the smallest; the last is its own. @default 3 */
  octaves?: number | undefined;
  /** Ratio of two sizes. @default 1.4 */
  octaveScale?: number | undefined;
  /** Steps at each size. @default 20 */
  steps?: number | undefined;
  /** Mean length of a step at a pixel, as a share of the range. @default 0.02 */
  stepSize?: number | undefined;
  /** The image is moved by up to so many pixels before each step. @default a sixteenth of its shorter side */
  jitter?: number | undefined;
  /** [low, high] of the values that the model takes. @default [0, 1] */
  range?: readonly [number, number] | undefined;
  /** @default 0 */
  seed?: number | undefined;
  onProgress?: ((done: number, all: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Deep dream: an image changed so that a layer answers more of whatever it already answers.
 *
 *     x ← x + η g / mean |g|,   g = ∂/∂x ½ ‖A(x)‖²        at octaves of growing size, moved by jitter
 *
 * (Mordvintsev, Olah and Tyka, "Inceptionism: Going Deeper into Neural Networks", 2015.) Detail that a smaller octave has
 * lost is put back at the next. A model of one fixed size sees every octave brought to that size.
 *
 * @param image [H,W,c]
 * @returns the dream [H,W,c], and ½ ‖A‖² before and after
 * @throws {UsageError} for options that do not fit
 */
export async function deepDream(
  model: tfl.LayersModel,
  image: tf.Tensor3D,
  options: DeepDreamOptions = {},
): Promise<{ dream: tf.Tensor3D; before: number; after: number }> {
  const { targetLayer, octaves = 3, octaveScale = 1.4, steps = 20, stepSize = 0.02 } = options;
  const { range = [0, 1], seed = 0, onProgress, signal } = options;
  const [height, width, channels] = image.shape;
  const { jitter = Math.round(Math.min(height, width) / 16) } = options;
  const counts = { octaves, steps };
  for (const [name, value] of Object.entries(counts)) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new UsageError(`${name}: expected a whole number of at least 1, received ${value}`);
    }
  }
  if (!(octaveScale > 1))
    throw new UsageError(`octaveScale: expected a number above 1, received ${octaveScale}`);
  const split = splitModel(model, targetLayer);
  const taken = model.inputs[0]!.shape.slice(1, 3) as (number | null)[];
  const fitted = (x: tf.Tensor4D) =>
    taken.every((size) => size !== null) && taken.join() !== x.shape.slice(1, 3).join()
      ? channelwise(x, taken as [number, number])
      : x;
  const energy = (x: tf.Tensor) =>
    tf.mul(tf.sum(tf.square(split.features(fitted(x as tf.Tensor4D)).activations)), 0.5) as tf.Scalar;
  const measured = async (values: Float32Array, shape: readonly [number, number, number]) => {
    const found = tf.tidy(() => energy(tf.tensor4d(values, [1, ...shape])));
    const [value] = await found.data();
    found.dispose();
    return value!;
  };

  const original = (await image.data()) as Float32Array;
  const sizes = Array.from({ length: octaves }, (_, o) => {
    const factor = octaveScale ** (o - octaves + 1);
    return [Math.max(8, Math.round(height * factor)), Math.max(8, Math.round(width * factor))] as const;
  });
  sizes[octaves - 1] = [height, width];
  const before = await measured(original, [height, width, channels]);
  const climb = tf.grad(energy);
  const random = randomFor(seed, 'dream');
  let detail: Float32Array | undefined;
  let current = original;
  for (const [o, [h, w]] of sizes.entries()) {
    const shape = [h, w, channels] as const;
    const base = await resized(original, [height, width, channels], [h, w]);
    const dreamt = detail && (await resized(detail, [...sizes[o - 1]!, channels], [h, w]));
    current = base.map((value, i) => value + (dreamt?.[i] ?? 0));
    for (let step = 0; step < steps; step++) {
      const shift = [
        random.integer(2 * jitter + 1) - jitter,
        random.integer(2 * jitter + 1) - jitter,
      ] as const;
      const moved = roll(current, shape, shift);
      const slope = tf.tidy(() => climb(tf.tensor4d(moved, [1, ...shape])));
      const slopes = roll((await slope.data()) as Float32Array, shape, [-shift[0], -shift[1]]);
      slope.dispose();
      const mean = slopes.reduce((sum, value) => sum + Math.abs(value), 0) / slopes.length;
      const rate = mean > 0 ? (stepSize * (range[1] - range[0])) / mean : 0;
      current = current.map((value, i) => Math.min(range[1], Math.max(range[0], value + rate * slopes[i]!)));
      onProgress?.(o * steps + step + 1, octaves * steps);
      await setImmediate();
      signal?.throwIfAborted();
    }
    detail = current.map((value, i) => value - base[i]!);
  }
  const after = await measured(current, [height, width, channels]);
  return { dream: tf.tensor3d(current, [height, width, channels]), before, after };
}

async function resized(
  values: Float32Array,
  shape: readonly [number, number, number],
  size: readonly [number, number],
): Promise<Float32Array> {
  if (shape[0] === size[0] && shape[1] === size[1]) return values.slice();
  const out = tf.tidy(() => channelwise(tf.tensor4d(values, [1, ...shape]), [...size]));
  const found = Float32Array.from(await out.data());
  out.dispose();
  return found;
}

/** Bilinear, each channel by itself. */
function channelwise(x: tf.Tensor4D, size: [number, number]): tf.Tensor4D {
  const [count, h, w, channels] = x.shape;
  const maps = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [count * channels, h, w]) as tf.Tensor3D;
  const resized = tf.reshape(upsampleBilinear(maps, size), [count, channels, ...size]);
  return tf.transpose(resized, [0, 2, 3, 1]) as tf.Tensor4D;
}
