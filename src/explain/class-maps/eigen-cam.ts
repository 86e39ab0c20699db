import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type Pair, pairColumns, splitModel } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';

export interface EigenCamOptions extends MethodOptions {
  /** Take each channel's mean off first, as pytorch-grad-cam does and the paper does not. The sign is still that of the features themselves. @default false */
  center?: boolean | undefined;
}

/**
 * Eigen-CAM: the features along their first principal direction, whatever the class.
 *
 *     A = U Σ Vᵀ as a matrix [h w, K],   M = ReLU(A v₁)
 *
 * (Muhammad and Yeasin, "Eigen-CAM: Class Activation Map using Principal Components", IJCNN 2020, arXiv 2008.00299, Eq 4
 * and 5.) The sign of v₁, which the decomposition leaves open, is that of the larger sum. v₁ by power iteration on the
 * smaller of A Aᵀ and Aᵀ A, in double precision.
 *
 * Good for: what the layer is full of, without scores, labels or gradients. Fails: it is the same for every class, and the
 * same direction leads wherever the features are largest, be it the background.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,h,w]
 * @throws {UsageError}, ModelError for pairs or a layer that does not fit
 */
export async function eigenCam(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { targetLayer, output, center = false }: EigenCamOptions = {},
): Promise<tf.Tensor> {
  const activations = tf.tidy(() => splitModel(model, targetLayer, { output }).features(images).activations);
  const [samples, ...rest] = activations.shape as [number, ...number[]];
  pairColumns(pairs, { samples, classes: undefined });
  const channels = rest.at(-1)!;
  const extent = rest.slice(0, -1);
  const places = extent.reduce((a, b) => a * b, 1);
  const values = await activations.data();
  activations.dispose();
  const maps = new Map<number, Float32Array>();
  for (const { sample } of pairs) {
    if (maps.has(sample)) continue;
    const own = Float64Array.from(
      values.subarray(sample * places * channels, (sample + 1) * places * channels),
    );
    const means = meansOf(own, channels);
    if (center) takeOff(own, means);
    maps.set(sample, projected(own, means, places, channels));
  }
  const all = new Float32Array(pairs.length * places);
  pairs.forEach(({ sample }, p) => {
    all.set(maps.get(sample)!, p * places);
  });
  return tf.tensor(all, [pairs.length, ...extent]);
}

function meansOf(values: Float64Array, channels: number): Float64Array {
  const means = new Float64Array(channels);
  for (let i = 0; i < values.length; i++) means[i % channels]! += (values[i]! * channels) / values.length;
  return means;
}

function takeOff(values: Float64Array, means: Float64Array): void {
  for (let i = 0; i < values.length; i++) values[i]! -= means[i % means.length]!;
}

/**
 * ReLU(± A v₁).
 *
 * @param a A, [places, channels]
 * @param means of the channels before anything was taken off: the sign is that of their projection
 */
function projected(a: Float64Array, means: Float64Array, places: number, channels: number): Float32Array {
  const at = (i: number, k: number) => a[i * channels + k]!;
  const wide = channels > places;
  const size = wide ? places : channels;
  const gram = new Float64Array(size * size);
  for (let i = 0; i < size; i++) {
    for (let j = i; j < size; j++) {
      let sum = 0;
      if (wide) for (let k = 0; k < channels; k++) sum += at(i, k) * at(j, k);
      else for (let p = 0; p < places; p++) sum += at(p, i) * at(p, j);
      gram[i * size + j] = sum;
      gram[j * size + i] = sum;
    }
  }
  const found = largestEigenvector(gram, size);
  // Of A Aᵀ it is u₁, and v₁ = Aᵀ u₁ / σ₁.
  const direction = wide ? alongRows(a, found, channels) : found;
  const length = Math.hypot(...direction) || 1;
  let sign = 0;
  for (let k = 0; k < channels; k++) sign += means[k]! * direction[k]!;
  return Float32Array.from({ length: places }, (_, i) => {
    let sum = 0;
    for (let k = 0; k < channels; k++) sum += (at(i, k) * direction[k]!) / length;
    return Math.max(0, sign < 0 ? -sum : sum);
  });
}

function alongRows(a: Float64Array, weights: Float64Array, channels: number): Float64Array {
  const sum = new Float64Array(channels);
  for (let i = 0; i < a.length; i++) sum[i % channels]! += weights[Math.trunc(i / channels)]! * a[i]!;
  return sum;
}

function largestEigenvector(matrix: Float64Array, size: number): Float64Array {
  // A start that no symmetry of the features is orthogonal to.
  let vector = Float64Array.from({ length: size }, (_, i) => 1 + 0.5 * Math.sin(1 + i));
  for (let step = 0; step < 2000; step++) {
    const next = new Float64Array(size);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < size; j++) next[i]! += matrix[i * size + j]! * vector[j]!;
    }
    const norm = Math.hypot(...next);
    if (!(norm > 0)) return new Float64Array(size);
    let moved = 0;
    for (let i = 0; i < size; i++) {
      next[i]! /= norm;
      moved = Math.max(moved, Math.abs(next[i]! - vector[i]!));
    }
    vector = next;
    if (moved < 1e-12) break;
  }
  return vector;
}
