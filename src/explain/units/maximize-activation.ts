import { setImmediate } from 'node:timers/promises';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { gaussianBlur } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import { type ApplyLayer, forward, splitModel, withoutActivation } from '../../gradcam/index.ts';
import { normals, randomFor } from '../../random/index.ts';
import { imageShapeOf } from './image-shape.ts';
import { roll } from './roll.ts';

/** What is to answer as strongly as possible: filters of a layer, or classes. One image is made for each. */
export type MaximizeTarget =
  | { readonly layer: string; readonly units: readonly number[] }
  | { readonly classes: readonly number[]; readonly output?: number | string | undefined };

export interface MaximizeOptions {
  /** Steps of the ascent. @default 200 */
  steps?: number | undefined;
  /** Mean length of a step at a pixel, as a share of the range. @default 0.02 */
  stepSize?: number | undefined;
  /** The image is moved by up to so many pixels before each step. @default a sixteenth of the shorter side */
  jitter?: number | undefined;
  /** σ in pixels of the blur after every fourth step; 0 for none. @default 0.5 */
  blur?: number | undefined;
  /** Share of its distance from the middle of the range that a pixel loses in a step: the gradient of an L2 norm. @default 0.01 */
  decay?: number | undefined;
  /** [low, high] of the values that the model takes. @default [0, 1] */
  range?: readonly [number, number] | undefined;
  /** [H,W] where the model takes any. @default what the model says */
  imageSize?: readonly [number, number] | undefined;
  /** Of the noise that it begins with, and of the jitter. @default 0 */
  seed?: number | undefined;
  onProgress?: ((done: number, all: number) => void) | undefined;
  /** Ends the ascent between two steps. */
  signal?: AbortSignal | undefined;
}

export interface Maximized {
  /** [N,H,W,c], within the range. */
  readonly images: tf.Tensor4D;
  /** What each unit answers to its image: the mean of the filter's map before its ReLU, or the logit. */
  readonly values: Float32Array;
  /** What it answered to the noise. */
  readonly before: Float32Array;
}

const blurEvery = 4;
/** σ of the noise that the ascent begins with, as a share of the range. */
const noise = 0.1;

/**
 * Activation maximisation: an image made so that a unit answers as strongly as it can.
 *
 *     x* = argmax_x  a_k(x) − λ ‖x − x_mid‖²,   by   x ← x + η g / rms(g) − decay (x − x_mid),   g = ∂a_k/∂x
 *
 * (Erhan, Bengio, Courville & Vincent, "Visualizing Higher-Layer Features of a Deep Network", 2009; L2 norm and classes:
 * Simonyan, Vedaldi & Zisserman, 2014, arXiv 1312.6034, Eq 1; blur: Yosinski et al., 2015, arXiv 1506.06579; jitter:
 * Mordvintsev, Olah & Tyka, "Inceptionism", 2015.) a_k is the mean of the filter's map before its ReLU, where a unit that is
 * silent still has a slope, or the logit of a class. The ascent begins with noise around the middle of the range x_mid; jitter
 * is periodic.
 *
 * Good for: what a unit would like best, without any data set: textures in lower layers, parts in higher ones. Fails: the
 * result owes as much to the regularisers as to the unit; it shows one of many things that the unit answers to, and for a
 * class often repeated parts and no object.
 *
 * @returns one image for each unit
 * @throws {UsageError} for units or options that do not fit
 * @throws {ModelError} for a layer or output that does not exist
 */
export async function maximizeActivations(
  model: tfl.LayersModel,
  target: MaximizeTarget,
  options: MaximizeOptions = {},
): Promise<Maximized> {
  const { steps = 200, stepSize = 0.02, blur = 0.5, decay = 0.01, range = [0, 1], seed = 0 } = options;
  const shape = imageShapeOf(model, options.imageSize);
  const [height, width, channels] = shape;
  const { jitter = Math.round(Math.min(height, width) / 16), onProgress, signal } = options;
  const [low, high] = range;
  if (!(high > low)) throw new UsageError(`range: expected [low, high], received [${range.join(', ')}]`);
  const units = 'classes' in target ? target.classes : target.units;
  const objective = objectiveOf(model, target);

  const [middle, span, size] = [(low + high) / 2, high - low, height * width * channels];
  // The same noise for every unit: an image does not depend on which others are made with it.
  const start = normals(size, seed, 'maximize').map((value) => middle + noise * span * value);
  const images = units.map(() => start.slice());
  const ascend = tf.grad((x: tf.Tensor) => tf.sum(objective(x)));
  const before = await answers(objective, images, shape);
  const random = randomFor(seed, 'jitter');
  for (let step = 0; step < steps; step++) {
    const shift = [random.integer(2 * jitter + 1) - jitter, random.integer(2 * jitter + 1) - jitter] as const;
    const moved = images.map((image) => roll(image, shape, shift));
    const gradient = tf.tidy(() => ascend(batchOf(moved, shape)));
    const slopes = (await gradient.data()) as Float32Array;
    gradient.dispose();
    for (const [i, image] of images.entries()) {
      const slope = roll(slopes.subarray(i * size, (i + 1) * size), shape, [-shift[0], -shift[1]]);
      const rms = Math.sqrt(slope.reduce((sum, value) => sum + value * value, 0) / size);
      const rate = rms > 0 ? (stepSize * span) / rms : 0;
      for (let at = 0; at < size; at++) {
        image[at]! += rate * slope[at]! - decay * (image[at]! - middle);
      }
    }
    if (blur > 0 && (step + 1) % blurEvery === 0) await soften(images, shape, blur);
    for (const image of images) {
      for (let at = 0; at < size; at++) image[at] = Math.min(high, Math.max(low, image[at]!));
    }
    onProgress?.(step + 1, steps);
    await setImmediate();
    signal?.throwIfAborted();
  }
  return { images: batchOf(images, shape), values: await answers(objective, images, shape), before };
}

/**
 * {@link maximizeActivations} for one unit or class.
 *
 * @returns [H,W,c]
 */
export async function maximizeActivation(
  model: tfl.LayersModel,
  target:
    | { readonly layer: string; readonly unit: number }
    | { readonly class: number; readonly output?: number | string | undefined },
  options: MaximizeOptions = {},
): Promise<tf.Tensor3D> {
  const one: MaximizeTarget =
    'unit' in target
      ? { layer: target.layer, units: [target.unit] }
      : { classes: [target.class], output: target.output };
  const { images } = await maximizeActivations(model, one, options);
  const image = tf.tidy(() => tf.squeeze<tf.Tensor3D>(images, [0]));
  images.dispose();
  return image;
}

type Shape = readonly [number, number, number];

/** From images [N,…] to what unit number n answers to image number n, [N]. */
function objectiveOf(model: tfl.LayersModel, target: MaximizeTarget): (x: tf.Tensor) => tf.Tensor1D {
  const pick = (values: tf.Tensor, units: readonly number[]) =>
    tf.sum(tf.mul(values, tf.oneHot(tf.tensor1d([...units], 'int32'), values.shape[1]!)), 1) as tf.Tensor1D;
  if ('classes' in target) {
    const { classes, output } = target;
    const index = typeof output === 'string' ? model.outputNames.indexOf(output) : (output ?? 0);
    // An output that does not exist is said by `forward`.
    checkUnits('classes', classes, model.outputs[index]?.shape.at(-1) ?? Number.POSITIVE_INFINITY);
    return (x) => pick(forward(model, x, { output }), classes);
  }
  const split = splitModel(model, target.layer);
  checkUnits(`units of "${split.target.path}"`, target.units, split.target.shape.at(-1)!);
  const applyLayer: ApplyLayer = (layer, inputs, kwargs, path) =>
    path === split.target.path ? beforeActivation(layer, inputs, kwargs, path) : undefined;
  return (x) => {
    const { activations } = split.features(x, { applyLayer });
    const space = activations.shape.slice(1, -1).map((_, i) => i + 1);
    return pick(tf.mean(activations, space), target.units);
  };
}

/** What a layer would answer without the activation that it is, or ends in. */
const beforeActivation: ApplyLayer = (layer, inputs, kwargs) => {
  if (['Activation', 'ReLU'].includes(layer.getClassName())) return tf.clone(inputs[0]!);
  if (!('activation' in layer)) return undefined;
  return withoutActivation(layer).apply(inputs, kwargs) as tf.Tensor;
};

function checkUnits(name: string, units: readonly number[], count: number): void {
  if (units.length === 0) throw new UsageError(`${name}: expected at least one`);
  const wrong = units.find((unit) => !(Number.isInteger(unit) && unit >= 0 && unit < count));
  if (wrong !== undefined) throw new UsageError(`${name}: there are 0 to ${count - 1}, received ${wrong}`);
}

function batchOf(images: readonly Float32Array[], [height, width, channels]: Shape): tf.Tensor4D {
  const size = height * width * channels;
  const batch = new Float32Array(images.length * size);
  for (const [i, image] of images.entries()) batch.set(image, i * size);
  return tf.tensor4d(batch, [images.length, height, width, channels]);
}

async function soften(images: readonly Float32Array[], shape: Shape, sigma: number): Promise<void> {
  const blurred = tf.tidy(() => gaussianBlur(batchOf(images, shape), sigma));
  const values = (await blurred.data()) as Float32Array;
  blurred.dispose();
  const size = values.length / images.length;
  for (const [i, image] of images.entries()) image.set(values.subarray(i * size, (i + 1) * size));
}

async function answers(
  objective: (x: tf.Tensor) => tf.Tensor1D,
  images: readonly Float32Array[],
  shape: Shape,
): Promise<Float32Array> {
  const values = tf.tidy(() => objective(batchOf(images, shape)));
  const read = (await values.data()) as Float32Array;
  values.dispose();
  return read;
}
