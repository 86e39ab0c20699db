import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import { type Pair, tfjsSeed } from '../../gradcam/index.ts';

/**
 * The labels of a batch:
 * - a tensor `[B,C]`, one-hot or multi-hot, or a tensor `[B]` of class indices;
 * - `number[]`: one class index per image;
 * - `number[][]`: the class indices of each image, none for an image without labels.
 */
export type Labels = tf.Tensor | readonly number[] | readonly (readonly number[])[];

/** The (sample, class) pairs of a batch that have a map and a masked image, P of them. */
export interface PairList {
  readonly pairs: readonly Pair[];
  /** P numbers: 1 / (labels of the pair's image), 0 for padding. */
  readonly weights: readonly number[];
  /** Σ of the weights: how many images have labels. */
  readonly total: number;
}

/** Whether labels name one class per image, which makes `softmax` the default link. */
export function areIndices(labels: Labels): boolean {
  return labels instanceof tf.Tensor ? labels.rank === 1 : labels.every((label) => typeof label === 'number');
}

/**
 * The class indices of each image. Labels on a device are read: a copy of B x C numbers that nothing waits for.
 *
 * @throws {UsageError} when a tensor of labels has neither rank 1 nor rank 2
 */
export function classesPerImage(labels: Labels): number[][] {
  if (!(labels instanceof tf.Tensor)) {
    return labels.map((label) => (typeof label === 'number' ? [label] : [...new Set(label)]));
  }
  if (labels.rank === 1) return Array.from(labels.dataSync(), (label) => [label]);
  if (labels.rank !== 2) {
    throw new UsageError(`batch.labels: must have shape [B,C] or [B], had [${labels.shape}]`);
  }
  const [rows, depth] = labels.shape as [number, number];
  const values = labels.dataSync();
  return Array.from({ length: rows }, (_, b) =>
    Array.from({ length: depth }, (_, c) => c).filter((c) => values[b * depth + c]! >= 0.5),
  );
}

/**
 * Multi-hot labels `[B,C]` for the classification loss; a tensor that has this shape is used as it is.
 *
 * @throws {UsageError} when a class index is not an integer in 0..C-1
 */
export function multiHot(
  labels: Labels,
  classes: readonly (readonly number[])[],
  depth: number,
): tf.Tensor2D {
  if (labels instanceof tf.Tensor && labels.rank === 2) return tf.cast(labels as tf.Tensor2D, 'float32');
  const rows = new Float32Array(classes.length * depth);
  classes.forEach((ofImage, b) => {
    for (const c of ofImage) {
      if (!Number.isInteger(c) || c < 0 || c >= depth) {
        throw new UsageError(
          `batch.labels: class ${c} of image ${b} must be an integer from 0 to ${depth - 1}`,
        );
      }
      rows[b * depth + c] = 1;
    }
  });
  return tf.tensor2d(rows, [classes.length, depth]);
}

/** One pair per image and label, image by image. */
export function allPairs(classes: readonly (readonly number[])[]): Pair[] {
  return classes.flatMap((ofImage, sample) => ofImage.map((c) => ({ sample, class: c })));
}

/** One pair per image that has labels, its class drawn with a seed. */
export function randomPairs(classes: readonly (readonly number[])[], seed: number): Pair[] {
  const draws = tf.tidy(() => tf.randomUniform([classes.length], 0, 1, 'float32', tfjsSeed(seed)).dataSync());
  return classes.flatMap((ofImage, sample) =>
    ofImage.length === 0 ? [] : [{ sample, class: ofImage[Math.floor(draws[sample]! * ofImage.length)]! }],
  );
}

/**
 * Weighs pairs so that every image with labels counts once, and pads them to a constant number so that shapes
 * are the same from batch to batch.
 *
 * Padding repeats the pairs from the first on, whose maps are made anyway; a batch without labels asks for
 * class 0 of image 0.
 *
 * @param weights in place of 1 / (labels of the image)
 * @param capacity the number to pad to; more pairs than that are padded to the next multiple of 4.
 *   `undefined` pads nothing
 */
export function weightedPairs(
  pairs: readonly Pair[],
  weights?: readonly number[],
  capacity?: number,
): PairList {
  const own = weights ?? shareOfImage(pairs);
  if (own.length !== pairs.length) {
    throw new UsageError(`batch.pairWeights: must be one per pair (${pairs.length}), were ${own.length}`);
  }
  if (own.some((weight) => !(weight >= 0))) {
    throw new UsageError(`batch.pairWeights: must be numbers that are not negative, were ${own.join(', ')}`);
  }
  const total = own.reduce((a, b) => a + b, 0);
  if (capacity === undefined) return { pairs, weights: own, total };
  const size = pairs.length <= capacity ? capacity : Math.ceil(pairs.length / 4) * 4;
  const repeated = pairs.length > 0 ? pairs : [{ sample: 0, class: 0 }];
  return {
    pairs: Array.from({ length: size }, (_, p) => repeated[p % repeated.length]!),
    weights: Array.from({ length: size }, (_, p) => own[p] ?? 0),
    total,
  };
}

/** For each pair 1 / (pairs of its image); pairs that do not count get 0. */
export function shareOfImage(
  pairs: readonly Pair[],
  counts: (pair: number) => boolean = () => true,
): number[] {
  const perImage = new Map<number, number>();
  pairs.forEach(({ sample }, p) => {
    if (counts(p)) perImage.set(sample, (perImage.get(sample) ?? 0) + 1);
  });
  return pairs.map(({ sample }, p) => (counts(p) ? 1 / perImage.get(sample)! : 0));
}

/** Whether pair p belongs to image p for every image of the batch, so that nothing has to be gathered. */
export function inBatchOrder(pairs: readonly Pair[], batchSize: number): boolean {
  return pairs.length === batchSize && pairs.every(({ sample }, p) => sample === p);
}

/** The rows of a batch that pairs belong to: `[B,…]` to `[P,…]`. */
export function rowsOfPairs<T extends tf.Tensor>(batch: T, pairs: readonly Pair[]): T {
  if (inBatchOrder(pairs, batch.shape[0]!)) return batch;
  const samples = pairs.map(({ sample }) => sample);
  return tf.gather(batch, tf.tensor1d(samples, 'int32'));
}
