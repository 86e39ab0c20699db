import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { ModelError, UsageError } from '../../errors/index.ts';
import { type Pair, splitModel, type Target, targetOutputs, targetScores } from '../../gradcam/index.ts';
import { oneHotRows } from '../../losses/index.ts';
import { randomFor } from '../../random/index.ts';
import type { MethodOptions } from '../method.ts';

export interface FactorizationOptions {
  /** Path of the layer, see `resolveTargetLayer`. @default 'auto' */
  targetLayer?: string | undefined;
  /** Index or name of the output that the layer leads to. @default 0 */
  output?: number | string | undefined;
  /** k, how many concepts. @default 4 */
  concepts?: number | undefined;
  /** Updates of both factors. @default 200 */
  iterations?: number | undefined;
  /** Of the factors that it starts from. @default 0 */
  seed?: number | undefined;
}

/** A = W H: how much of each concept is where, and what each concept is made of. */
export interface Factorization {
  /** W, [B, …spatial, k], of all images together. */
  readonly maps: { readonly shape: readonly number[]; readonly values: Float64Array };
  /** H, [k,K]. */
  readonly directions: { readonly shape: readonly number[]; readonly values: Float64Array };
  /** ‖A − W H‖ / ‖A‖. */
  readonly residual: number;
}

/**
 * Deep feature factorization: concepts that images have in common, as parts whose sum is the features.
 *
 *     A ≈ W H,  W, H ≥ 0:   min ‖A − W H‖²,  A [B h w, K]
 *     H ← H ⊙ WᵀA / WᵀW H,   W ← W ⊙ A Hᵀ / W H Hᵀ        (Lee and Seung, NIPS 2000)
 *
 * (Collins, Achanta and Süsstrunk, "Deep Feature Factorization for Concept Discovery", ECCV 2018, arXiv 1806.10206.) The
 * factors start from seeded uniform numbers, so that concepts come out in the same order each time.
 *
 * Good for: which parts several images share, without labels. Fails: k is a guess; features of both signs have no such
 * factors (a layer behind a ReLU is needed).
 *
 * @param images [B,H,W,c], or one tensor per input; several images of one class show the most
 * @throws {ModelError} for features below 0
 * @throws {UsageError} for options that do not fit
 */
export async function factorizeFeatures(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  { targetLayer, output, concepts = 4, iterations = 200, seed = 0 }: FactorizationOptions = {},
): Promise<Factorization> {
  for (const [name, value] of Object.entries({ concepts, iterations })) {
    if (!(Number.isInteger(value) && value >= 1)) {
      throw new UsageError(`${name}: expected a whole number of at least 1, received ${value}`);
    }
  }
  const split = splitModel(model, targetLayer, { output });
  const activations = tf.tidy(() => split.features(images).activations);
  const shape = activations.shape;
  const a = Float64Array.from(await activations.data());
  activations.dispose();
  const least = a.reduce((low, value) => Math.min(low, value), 0);
  if (least < 0) {
    throw new ModelError(
      `layer "${split.target.path}" answers ${least.toPrecision(3)}: only features of at least 0, as behind a ReLU, can be factorized`,
    );
  }
  const channels = shape.at(-1)!;
  const rows = a.length / channels;
  const factors = factorize(a, rows, channels, concepts, iterations, startOf(seed, rows, channels, concepts));
  return {
    maps: { shape: [...shape.slice(0, -1), concepts], values: factors.w },
    directions: { shape: [concepts, channels], values: factors.h },
    residual: factors.residual,
  };
}

function startOf(seed: number, rows: number, channels: number, concepts: number) {
  const random = randomFor(seed, 'factorization');
  const draw = (size: number) => Float64Array.from({ length: size }, () => random.next() + 1e-3);
  return { w: draw(rows * concepts), h: draw(concepts * channels) };
}

/**
 * Multiplicative updates from given factors.
 *
 * @param a [rows, channels]
 * @param start W [rows, k] and H [k, channels]
 */
export function factorize(
  a: Float64Array,
  rows: number,
  channels: number,
  k: number,
  iterations: number,
  start: { readonly w: Float64Array; readonly h: Float64Array },
): { w: Float64Array; h: Float64Array; residual: number } {
  const [w, h] = [start.w.slice(), start.h.slice()];
  const least = 1e-12;
  for (let step = 0; step < iterations; step++) {
    scale(
      h,
      product(w, a, k, rows, channels, true, false),
      product(product(w, w, k, rows, k, true, false), h, k, k, channels),
      least,
    );
    scale(
      w,
      product(a, h, rows, channels, k, false, true),
      product(w, product(h, h, k, channels, k, false, true), rows, k, k),
      least,
    );
  }
  const made = product(w, h, rows, k, channels);
  let [off, all] = [0, 0];
  for (let i = 0; i < a.length; i++) {
    off += (a[i]! - made[i]!) ** 2;
    all += a[i]! ** 2;
  }
  return { w, h, residual: all > 0 ? Math.sqrt(off / all) : 0 };
}

function scale(values: Float64Array, up: Float64Array, down: Float64Array, least: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= up[i]! / Math.max(down[i]!, least);
}

/** [n,m] · [m,p]; `left`: the first is given as [m,n]; `right`: the second as [p,m]. */
function product(
  a: Float64Array,
  b: Float64Array,
  n: number,
  m: number,
  p: number,
  left = false,
  right = false,
): Float64Array {
  const out = new Float64Array(n * p);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      const value = left ? a[j * n + i]! : a[i * m + j]!;
      if (value === 0) continue;
      for (let q = 0; q < p; q++) out[i * p + q]! += value * (right ? b[q * m + j]! : b[j * p + q]!);
    }
  }
  return out;
}

export interface FactorMapOptions
  extends MethodOptions,
    Omit<FactorizationOptions, 'targetLayer' | 'output' | 'seed'> {}

/**
 * Where the concept is that speaks most for a class: of the {@link factorizeFeatures} of all images, for each pair the one
 * whose direction raises the score most.
 *
 *     M = W_·k*,   k* = argmax_k H_k · (1/Z) Σ_ij ∂s^c/∂A_ij
 *
 * The choice by the gradient is of this project; the paper names concepts by eye.
 *
 * @returns [P,h,w]
 */
export async function factorMaps(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { targetLayer, output, target = 'logit', seed = 0, concepts = 4, iterations = 100 }: FactorMapOptions = {},
): Promise<tf.Tensor> {
  const { maps, directions } = await factorizeFeatures(model, images, {
    targetLayer,
    output,
    seed,
    concepts,
    iterations,
  });
  const [, ...rest] = maps.shape;
  const extent = rest.slice(0, -1);
  const places = extent.reduce((a, b) => a * b, 1);
  const slopes = slopesOf(model, images, pairs, { targetLayer, output, target });
  const channels = directions.shape[1]!;
  const weights = await slopes.data();
  slopes.dispose();
  const all = new Float32Array(pairs.length * places);
  for (const [p, { sample }] of pairs.entries()) {
    let [best, most] = [0, Number.NEGATIVE_INFINITY];
    for (let k = 0; k < concepts; k++) {
      let gain = 0;
      for (let c = 0; c < channels; c++)
        gain += directions.values[k * channels + c]! * weights[p * channels + c]!;
      if (gain > most) [best, most] = [k, gain];
    }
    for (let i = 0; i < places; i++)
      all[p * places + i] = maps.values[(sample * places + i) * concepts + best]!;
  }
  return tf.tensor(all, [pairs.length, ...extent]);
}

/** (1/Z) Σ_ij ∂s^c/∂A_ij of each pair, [P,K]. */
function slopesOf(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  {
    targetLayer,
    output,
    target,
  }: { targetLayer: string | undefined; output: number | string | undefined; target: Target },
): tf.Tensor {
  return tf.tidy(() => {
    const split = splitModel(model, targetLayer, { output, ...targetOutputs(target) });
    const features = split.features(images);
    const { activations } = features;
    const axes = Array.from({ length: activations.rank - 2 }, (_, i) => i + 1);
    const rows = pairs.map(({ sample, class: column }) => {
      const gradient = tf.grad((a: tf.Tensor) => {
        const scores = targetScores(split, split.head(features, a), target, a.shape[0]!);
        const own = tf.slice(scores, sample, 1);
        return scores.rank === 1 ? tf.sum(own) : tf.sum(tf.mul(own, oneHotRows([column], scores.shape[1]!)));
      })(activations);
      return tf.mean(tf.slice(gradient, sample, 1), axes);
    });
    return rows.length > 0 ? tf.concat(rows, 0) : tf.zeros([0, activations.shape.at(-1)!]);
  });
}
