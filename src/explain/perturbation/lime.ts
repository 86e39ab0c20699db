import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import type { Pair } from '../../gradcam/index.ts';
import { randomFor } from '../../random/index.ts';
import { type Explained, type PerturbationOptions, scoreCopies } from './scored-copies.ts';
import { type LinearFit, sparseLinearFit } from './sparse-linear-fit.ts';
import { fillColor, type Subject, subjectsOf, wholeNumber } from './subjects.ts';
import { type SuperpixelOptions, superpixels } from './superpixels.ts';

export interface LimeOptions extends PerturbationOptions, SuperpixelOptions {
  /** How many changed copies of each image are scored, the image itself among them. @default 1000 */
  samples?: number | undefined;
  /** K, the most superpixels that an explanation names. @default 10 */
  features?: number | undefined;
  /** σ of the kernel. @default 0.25 */
  kernelWidth?: number | undefined;
  /** λ of the ridge regression. @default 1 */
  ridge?: number | undefined;
  /** What a hidden superpixel becomes, a number or one for each channel. @default its own mean colour */
  fill?: number | readonly number[] | undefined;
  /** Divides an image [H·W·c] into parts, [H·W] labels from 0 on without gaps. @default SLIC */
  segment?: ((image: Float32Array, height: number, width: number) => Int32Array) | undefined;
}

/** The local linear model of one pair. */
export interface LimeExplanation extends LinearFit {
  /** [H·W], the number of each pixel's superpixel; the index of `coefficients`. */
  readonly labels: Int32Array;
  /** The score of the image itself. */
  readonly score: number;
  /** What the linear model says of it. */
  readonly fitted: number;
}

/**
 * LIME: which superpixels a sparse linear model of the score needs, fitted to copies of the image with half of its
 * superpixels hidden.
 *
 *     ξ = argmin_g Σ_z π(z) (s^c(h(z)) − g(z))²,   g(z) = b + Σ_j β_j z_j  with at most K coefficients,
 *     π(z) = √exp(−D(z)²/σ²),   D(z) = 1 − √(Σ_j z_j / d), the cosine distance to the whole image
 *
 * (Ribeiro, Singh & Guestrin, "Why Should I Trust You?", KDD 2016, arXiv 1602.04938, Eq 1–2; kernel, ridge term and
 * grey of hidden superpixels as in the authors' code.) z_j ∈ {0, 1}, each with probability ½; the first z is the image
 * itself. The K features are found by forward selection with least squares, where the paper walks along the Lasso's
 * path. Superpixels are SLIC's, where the authors' code takes quickshift.
 *
 * Good for: an explanation in words ("these five parts"), with R² as its own measure of trust. Fails: where the score is
 * not linear in the parts (R² tells), where superpixels cut across the object, and by chance: other samples or other
 * superpixels can give another explanation.
 *
 * Passes: `samples` per image.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns an explanation for each pair
 * @throws {UsageError} when images, pairs or options do not fit
 */
export async function limeExplanations(
  model: Explained,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: LimeOptions = {},
): Promise<LimeExplanation[]> {
  const { samples = 1000, features = 10, kernelWidth = 0.25, ridge = 1, seed = 0 } = options;
  wholeNumber('samples', samples, 2);
  wholeNumber('features', features, 1);
  wholeNumber('segments', options.segments ?? 50, 2);
  if (!(kernelWidth > 0))
    throw new UsageError(`kernelWidth: expected a positive number, received ${kernelWidth}`);
  const { subjects } = await subjectsOf(images, pairs, options.input);

  const explanations: LimeExplanation[] = new Array(pairs.length);
  for (const [nth, subject] of subjects.entries()) {
    const { labels, parts } = partsOf(subject, options);
    const z = drawSamples(samples, parts, seed, subject.sample);
    const write = hideParts(subject, labels, parts, z, options.fill);
    const scores = subject.pairs.map(() => new Float64Array(samples));
    const copies = { count: samples, write };
    for await (const { first, size, score } of scoreCopies(model, subject, copies, options)) {
      for (const [i, pair] of subject.pairs.entries()) {
        for (let copy = 0; copy < size; copy++) scores[i]![first + copy] = score(copy, pair);
      }
      options.onProgress?.(nth * samples + first + size, subjects.length * samples);
    }
    const weights = kernelWeights(z, parts, kernelWidth);
    for (const [i, pair] of subject.pairs.entries()) {
      const fit = sparseLinearFit(z, scores[i]!, weights, { features, ridge });
      const fitted = fit.coefficients.reduce((sum, value) => sum + value, fit.intercept);
      explanations[pair] = { ...fit, labels, score: scores[i]![0]!, fitted };
    }
  }
  return explanations;
}

/**
 * LIME as a map: every pixel has the coefficient of its superpixel, see {@link limeExplanations}.
 *
 * @returns [P,H,W]
 */
export async function lime(
  model: Explained,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: LimeOptions = {},
): Promise<tf.Tensor3D> {
  const explanations = await limeExplanations(model, images, pairs, options);
  const list = images instanceof tf.Tensor ? [images] : images;
  const [, height, width] = list[options.input ?? 0]!.shape as [number, number, number, number];
  const maps = new Float32Array(pairs.length * height * width);
  for (const [p, { labels, coefficients }] of explanations.entries()) {
    for (let i = 0; i < labels.length; i++) maps[p * labels.length + i] = coefficients[labels[i]!]!;
  }
  return tf.tensor3d(maps, [pairs.length, height, width]);
}

/**
 * π(z) = √exp(−D²/σ²), D the cosine distance between z and all ones, which is 1 for a z without a one.
 *
 * @param z [n·d], 0 or 1
 */
export function kernelWeights(z: Uint8Array, parts: number, width: number): Float64Array {
  return Float64Array.from({ length: z.length / parts }, (_, i) => {
    let shown = 0;
    for (let j = 0; j < parts; j++) shown += z[i * parts + j]!;
    const distance = 1 - Math.sqrt(shown / parts);
    return Math.sqrt(Math.exp(-(distance ** 2) / width ** 2));
  });
}

function partsOf({ image, shape }: Subject, options: LimeOptions): { labels: Int32Array; parts: number } {
  const [height, width] = shape as [number, number];
  const { segment = (pixels, h, w) => superpixels(pixels, h, w, options) } = options;
  const labels = segment(image, height, width);
  if (labels.length !== height * width) {
    throw new UsageError(`segment: expected ${height * width} labels, received ${labels.length}`);
  }
  const found = new Set(labels);
  const parts = found.size;
  if (parts < 2 || [...found].some((label) => !Number.isInteger(label) || label < 0 || label >= parts)) {
    throw new UsageError(
      `segment: expected labels from 0 on without gaps, at least two, received ${parts} labels from ` +
        `${Math.min(...found)} to ${Math.max(...found)}`,
    );
  }
  return { labels, parts };
}

/** [n·d]: the image itself, then parts shown with probability ½. */
function drawSamples(samples: number, parts: number, seed: number, sample: number): Uint8Array {
  const random = randomFor(seed, 'lime', sample);
  return Uint8Array.from({ length: samples * parts }, (_, i) => (i < parts ? 1 : random.integer(2)));
}

function hideParts(
  { image, shape }: Subject,
  labels: Int32Array,
  parts: number,
  z: Uint8Array,
  fill: number | readonly number[] | undefined,
): (index: number, out: Float32Array) => void {
  const channels = shape.at(-1)!;
  const hidden = fill === undefined ? partMeans(image, labels, parts, channels) : image.slice();
  if (fill !== undefined) {
    const color = fillColor(fill, channels);
    for (let at = 0; at < labels.length; at++) hidden.set(color, at * channels);
  }
  return (index, out) => {
    for (let at = 0; at < labels.length; at++) {
      const from = z[index * parts + labels[at]!] === 1 ? image : hidden;
      for (let i = at * channels; i < (at + 1) * channels; i++) out[i] = from[i]!;
    }
  };
}

/** The image with every part in its mean colour. */
function partMeans(image: Float32Array, labels: Int32Array, parts: number, channels: number): Float32Array {
  const sums = new Float64Array(parts * channels);
  const counts = new Int32Array(parts);
  for (let i = 0; i < image.length; i++) {
    const part = labels[Math.trunc(i / channels)]!;
    sums[part * channels + (i % channels)]! += image[i]!;
    if (i % channels === 0) counts[part]!++;
  }
  return image.map((_, i) => {
    const part = labels[Math.trunc(i / channels)]!;
    return sums[part * channels + (i % channels)]! / counts[part]!;
  });
}
