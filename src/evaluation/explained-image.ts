import type { HostBatch } from '../data/index.ts';
import type { Pair } from '../gradcam/index.ts';
import type { Bootstrap } from '../metrics/index.ts';
import type { ExplainedBatch } from './explainer.ts';
import { type Truth, truthOf } from './truth.ts';

/** An image and one of its true classes: the thing that has a map. */
export interface ExplainedPair {
  /** Among the pairs of the batch. */
  readonly index: number;
  readonly pair: Pair;
  /** Of the class among the scores, from 1. */
  readonly rank: number;
  readonly truth: Truth | undefined;
}

/** One image of an explained batch. */
export interface ExplainedImage {
  readonly id: string;
  /** Position in the split, from 0. */
  readonly index: number;
  /** [H·W·3], of clips [T·H·W·3] */
  readonly pixels: Float32Array;
  /** [C] each. */
  readonly labels: Float32Array;
  /** 0 where a label is not known; undefined where all are. */
  readonly known: Float32Array | undefined;
  /** '' where it has none. */
  readonly group: string;
  readonly logits: Float32Array;
  readonly scores: Float32Array;
  readonly pairs: readonly ExplainedPair[];
  /** How often each replicate of the bootstrap draws it. */
  readonly counts: Uint8Array;
}

/**
 * Takes an explained batch apart.
 *
 * @param pairs of the batch, in the order in which they were explained
 * @param first position of the first image in the split
 */
export function* explainedImages(
  batch: HostBatch,
  pairs: readonly Pair[],
  { logits, scores }: ExplainedBatch,
  first: number,
  imageSize: readonly [number, number],
  frames: number | undefined,
  bootstrap: Bootstrap,
): Generator<ExplainedImage> {
  const pixels = (frames ?? 1) * imageSize[0] * imageSize[1] * 3;
  const classes = batch.labels.length / batch.size;
  for (let sample = 0; sample < batch.size; sample++) {
    const index = first + sample;
    const row = (values: Float32Array, size = classes) => values.subarray(sample * size, (sample + 1) * size);
    yield {
      id: batch.ids[sample]!,
      index,
      pixels: row(batch.images, pixels),
      labels: row(batch.labels),
      known: batch.labelWeights && row(batch.labelWeights),
      group: batch.groups?.[sample] ?? '',
      logits: row(logits),
      scores: row(scores),
      pairs: pairs.flatMap((pair, p) =>
        pair.sample === sample
          ? [
              {
                index: p,
                pair,
                rank: rankOf(row(scores), pair.class),
                truth: truthOf(batch, pair, imageSize, frames),
              },
            ]
          : [],
      ),
      counts: bootstrap.counts(index),
    };
  }
}

/** 1 for the highest score. */
function rankOf(scores: Float32Array, index: number): number {
  let rank = 1;
  for (let c = 0; c < scores.length; c++) if (scores[c]! > scores[index]!) rank++;
  return rank;
}
