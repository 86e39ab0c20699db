import * as tf from '@tensorflow/tfjs-core';
import { withoutGradient } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import { magnitude } from '../magnitude.ts';
import { type ReductionOptions, weightedMean } from '../weighted-mean.ts';
import { requireMasks } from './require-masks.ts';

export interface BackgroundRelevanceOptions extends ReductionOptions {
  /** d of the ranked pooling: 0 looks at the brightest pixel alone, 1 at all alike. @default 0.9 */
  readonly decay?: number | undefined;
  /** E: background this many times as bright as the object's mean costs log 2. @default 1 */
  readonly tolerance?: number | undefined;
  /** C₁ and C₂, between which the object's relevance may lie. @default [1, 25] */
  readonly foreground?: readonly [number, number] | undefined;
  /** w₂, of the term that holds it there. @default 3 */
  readonly foregroundWeight?: number | undefined;
}

/** Against a map without any relevance on the object: 0/0. */
const floor = 1e-10;

/**
 * ISNet's heatmap loss: relevance off the object, measured against that on it.
 *
 *     N = |R| / (Σ |R| H / Σ H)                                    background against the object's mean
 *     U_c = GWRP(N_c (1 − H)) = Σ_r d^r u_r / Σ_r d^r,   u_r the r-th largest pixel of channel c
 *     L₁ = mean_c −log(1 − U_c / (U_c + E)) = mean_c log(1 + U_c / E)
 *     F = Σ |R| H,   L₂ = (min(F / C₁, 1) − 1)² + (max(F / C₁, C₂ / C₁) − C₂ / C₁)²
 *     L = Σ_p w_p (L₁ + w₂ L₂) / Σ_p w_p
 *
 * L₁ alone could be met by relevance that vanishes everywhere, or by one that grows without end on the object; L₂ holds
 * it between C₁ and C₂. The order of the pixels is a constant. A map that is dead on the object has no L₁ to speak of
 * and is raised by L₂.
 *
 * @param relevance R `[P,H,W,c]`, of any sign: of `relevanceMaps`
 * @param relevant H `[P,H,W]`, 1 on what matters; given masks of what must not matter, 1 − those
 * @returns scalar
 * @throws {UsageError} when masks and relevance differ in shape, or a number is out of range
 * @see Bassi, Dertkigil, Cavalli, "Improving deep neural network generalization and robustness to background bias via
 *   layer-wise relevance propagation optimization", Nature Communications 15, 2024, section "ISNet loss function". There
 *   relevance is of every class; which pairs are judged is here the caller's choice.
 */
export function backgroundRelevance(
  relevance: tf.Tensor4D,
  relevant: tf.Tensor3D,
  {
    decay = 0.9,
    tolerance = 1,
    foreground: [least, most] = [1, 25],
    foregroundWeight = 3,
    ...reduction
  }: BackgroundRelevanceOptions = {},
): tf.Scalar {
  requireMasks(relevant, relevance.shape);
  if (!(decay >= 0 && decay <= 1)) throw new UsageError(`decay: must be from 0 to 1, was ${decay}`);
  if (!(tolerance > 0)) throw new UsageError(`tolerance: must be above 0, was ${tolerance}`);
  if (!(least > 0 && most >= least)) {
    throw new UsageError(`foreground: must be two numbers above 0, rising, were ${least} and ${most}`);
  }
  return tf.tidy(() => {
    const mask = tf.expandDims(relevant, 3);
    const sizes = magnitude(relevance);
    const on = tf.mul(sizes, mask);
    const channels = relevance.shape[3];
    const total = tf.sum(on, [1, 2, 3]);
    const area = tf.mul(tf.sum(relevant, [1, 2]), channels);
    const mean = tf.add(tf.div(total, tf.add(area, floor)), floor);
    const off = tf.div(tf.mul(sizes, tf.sub(1, mask)), tf.reshape(mean, [-1, 1, 1, 1]));
    const pooled = rankedMean(off as tf.Tensor4D, decay);
    const background = tf.mean(tf.log1p(tf.div(pooled, tolerance)), 1);

    const share = tf.div(total, least);
    const tooLittle = tf.square(tf.sub(tf.minimum(share, 1), 1));
    const tooMuch = tf.square(tf.sub(tf.maximum(share, most / least), most / least));
    const held = tf.mul(tf.add(tooLittle, tooMuch), foregroundWeight);
    return weightedMean(tf.add(background, held) as tf.Tensor1D, reduction);
  });
}

/**
 * Global weighted ranked pooling: Σ_r d^r x_(r) / Σ_r d^r over the pixels of each channel, the largest first
 * (Kolesnikov and Lampert, ECCV 2016; Qi et al., arXiv 1809.08264).
 *
 * @param x `[P,H,W,c]`
 * @returns `[P,c]`
 */
function rankedMean(x: tf.Tensor4D, decay: number): tf.Tensor2D {
  const [count, height, width, channels] = x.shape;
  const pixels = height * width;
  // Ranks whose weight is lost in float32 are left out.
  const ranks =
    decay < 1 ? Math.min(pixels, 1 + Math.ceil(Math.log(1e-9) / Math.log(Math.max(decay, 1e-9)))) : pixels;
  const rows = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [count * channels, pixels]);
  const places = withoutGradient(() => {
    const { indices } = tf.topk(rows, ranks);
    const starts = tf.mul(tf.range(0, count * channels, 1, 'int32'), tf.scalar(pixels, 'int32'));
    return tf.reshape(tf.add(tf.cast(indices, 'int32'), tf.expandDims(starts, 1)), [-1]);
  });
  const sorted = tf.reshape(tf.gather(tf.reshape(rows, [-1]), places as tf.Tensor1D), [-1, ranks]);
  const weights = Array.from({ length: ranks }, (_, r) => decay ** r);
  const sum = weights.reduce((a, b) => a + b, 0);
  const mean = tf.sum(tf.mul(sorted, tf.tensor1d(weights.map((weight) => weight / sum))), 1);
  return tf.reshape(mean, [count, channels]);
}
