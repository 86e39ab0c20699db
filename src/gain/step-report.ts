import * as tf from '@tensorflow/tfjs-core';
import { DivergenceError } from '../errors/index.ts';
import type { Link } from '../losses/index.ts';
import { classificationMetrics } from '../metrics/index.ts';
import { classesPerImage, type GainBatch, type GainLoss } from './objective/index.ts';

/** The terms of the loss that {@link GainTrainer} weighs. */
export type LossTerm = 'classification' | 'mining' | 'supervision';

/** What one batch did. */
export interface StepReport {
  /** Updates of the weights made so far, this one included. */
  readonly step: number;
  /** Value of the total and of each term that was computed. */
  readonly losses: Readonly<Record<string, number>>;
  /** Weight of each term in this step. */
  readonly weights: Readonly<Record<LossTerm, number> & Record<string, number>>;
  readonly learningRate: number;
  /** Accuracy on this batch, see {@link classificationMetrics}. */
  readonly accuracy: number;
  /**
   * Share of maps that are constant, mean of the normalised maps, entropy of the maps; NaN where the step made
   * none.
   */
  readonly maps: { readonly deadShare: number; readonly mean: number; readonly entropy: number };
  /** L2 norm of the gradient of each trainable weight, before clipping, in the order of `weightNames`. */
  readonly gradientNorms: Float32Array;
  /** The gradients themselves, before clipping, where they were asked for. */
  readonly gradients?: readonly Float32Array[];
  /** B. */
  readonly images: number;
}

/** The losses and the statistics of the maps that a step computed, as scalars. */
export function numbersOf(streams: GainLoss<tf.Tensor, tf.Tensor>): Record<string, tf.Scalar> {
  const { total, classification, mining, supervision, terms, deadShare, attention, maps } = streams;
  return {
    total,
    ...(classification && { classification }),
    ...(mining && { mining }),
    ...(supervision && { supervision }),
    ...terms,
    ...(deadShare && { deadShare }),
    ...(attention && { mapMean: tf.mean(attention) as tf.Scalar }),
    ...(maps && { mapEntropy: entropyOf(maps) }),
  };
}

/**
 * Mean entropy of maps as distributions over their pixels, as a share of that of the uniform one:
 * −Σ p log p / log n, p = M / ΣM. 1: spread evenly; 0: all on one pixel.
 *
 * @param maps [P,h,w], not negative.
 */
function entropyOf(maps: tf.Tensor): tf.Scalar {
  const flat = tf.reshape(maps, [maps.shape[0]!, -1]);
  const p = tf.div(flat, tf.add(tf.sum(flat, 1, true), 1e-12));
  const entropy = tf.neg(tf.sum(tf.mul(p, tf.log(tf.add(p, 1e-12))), 1));
  return tf.div(tf.mean(entropy), Math.log(Math.max(2, flat.shape[1]!))) as tf.Scalar;
}

/** Accuracy of a batch, see {@link classificationMetrics}. */
export function accuracyOf(logits: Float32Array, { labels }: GainBatch, link: Link | undefined): number {
  const images = classesPerImage(labels);
  const classes = logits.length / images.length;
  const multiHot = new Float32Array(logits.length);
  images.forEach((present, b) => {
    for (const c of present) multiHot[b * classes + c] = 1;
  });
  const multiLabel = link ? link === 'sigmoid' : images.some((present) => present.length !== 1);
  return classificationMetrics(logits, multiHot, classes, multiLabel).accuracy;
}

/**
 * Looks whether the losses and the gradients can be used.
 *
 * @throws {DivergenceError} naming the step and the loss or weight whose gradient is not finite.
 */
export function requireFinite(report: StepReport, weightNames: readonly string[]): void {
  const { total, ...parts } = report.losses;
  const bad = [...Object.entries(parts), ['total', total!] as const].find(
    ([, value]) => !Number.isFinite(value),
  );
  if (bad) throw new DivergenceError(`step ${report.step}: the ${bad[0]} loss is ${bad[1]}`);
  const at = report.gradientNorms.findIndex((norm) => !Number.isFinite(norm));
  if (at >= 0) {
    throw new DivergenceError(
      `step ${report.step}: the gradient of ${weightNames[at]} is ${report.gradientNorms[at]}`,
    );
  }
}
