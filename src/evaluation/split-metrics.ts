import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Dataset, HostBatch } from '../data/index.ts';
import {
  type AttentionMapsOptions,
  attentionMaps,
  isDeadMap,
  type Pair,
  upsampleMaps,
} from '../gradcam/index.ts';
import {
  type AnswerScores,
  answerScores,
  classificationLoss,
  classificationMetrics,
  energyInMask,
  labelPairs,
  meanOf,
  pointingHit,
  regionOf,
} from '../metrics/index.ts';
import type { TeacherComparison } from './compare-with-teacher.ts';

/** The answers to composites of a split, where object and ground come apart. A constant answer has 0.5, 0 and 0.5. */
export interface CompositeScores {
  /** Share right: mean of object without its ground and ground without its object. */
  readonly apart: number;
  /** The smaller of the two. */
  readonly worst: number;
  readonly auc: number;
}

/** What a model does on a split. Shares are in [0, 1]; NaN where the split offers nothing to measure on. */
export interface SplitMetrics extends AnswerScores {
  readonly images: number;
  /** The classification loss, mean over images. */
  readonly loss: number;
  readonly mAP: number;
  readonly exactMatch: number;
  /** Mean share of the map's energy inside the object's mask (its box where it has no mask), over pairs. */
  readonly energyInMask: number;
  /** Share of pairs whose map has its peak inside. */
  readonly pointing: number;
  /** Share of the maps of true classes that are zero everywhere. */
  readonly deadShare: number;
  /** The same measures for the one class that the experiment is about. */
  readonly focus?: AnswerScores & {
    /** Share of the images that show it. */
    readonly present?: number;
    readonly energyInMask: number;
    readonly pointing: number;
  };
  /** Where checkpoints are chosen by them. */
  readonly composites?: CompositeScores;
  /** Against the teacher, where there is one. */
  readonly teacher?: TeacherComparison;
  readonly perClass: { readonly accuracy: readonly number[]; readonly averagePrecision: readonly number[] };
}

export interface EvaluateOptions {
  readonly batchSize: number;
  readonly imageSize: readonly [number, number];
  /** T, of clips. @default images */
  readonly frames?: number | undefined;
  readonly fit: 'squash' | 'crop';
  readonly workers: number;
  /** Labels per image at most; more are left out of the map metrics. */
  readonly maxLabels: number;
  readonly maps: AttentionMapsOptions;
  readonly link: 'sigmoid' | 'softmax';
  readonly focusClass?: number | undefined;
  /** Ends the evaluation between two batches, with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Measures a model on a split: classification, and how its maps for the true classes lie on the objects.
 *
 * @throws {DataError} when the split is missing or damaged.
 */
export async function evaluateSplit(
  model: tfl.LayersModel,
  dataset: Dataset,
  split: string,
  options: EvaluateOptions,
): Promise<SplitMetrics> {
  const { batchSize, imageSize, frames, fit, workers, link, focusClass, signal } = options;
  const classes = dataset.info.classes.length;
  const logits: Float32Array[] = [];
  const labels: Float32Array[] = [];
  const known: Float32Array[] = [];
  const groups: string[] = [];
  const pairs: { class: number; energy: number; hit: boolean }[] = [];
  let maps = 0;
  let dead = 0;

  const batches = dataset.batches(split, { batchSize, imageSize, frames, fit, workers });
  for await (const batch of batches) {
    signal?.throwIfAborted();
    const result = inspectBatch(model, batch, classes, options);
    logits.push(result.logits);
    labels.push(batch.labels);
    known.push(batch.labelWeights ?? new Float32Array(batch.labels.length).fill(1));
    groups.push(...(batch.groups ?? batch.ids.map(() => '')));
    for (const { pair, map } of result.maps) {
      maps++;
      if (isDeadMap(map)) dead++;
      const truth = regionOf(batch, pair, imageSize);
      if (truth)
        pairs.push({ class: pair.class, energy: energyInMask(map, truth), hit: pointingHit(map, truth) });
    }
  }

  const allLogits = concat(logits);
  const allLabels = concat(labels);
  const metrics = classificationMetrics(allLogits, allLabels, classes, link === 'sigmoid');
  const localization = (chosen: typeof pairs) => ({
    energyInMask: meanOf(chosen.map(({ energy }) => energy)),
    pointing: meanOf(chosen.map(({ hit }) => Number(hit))),
  });
  const answers = (one?: number) =>
    answerScores(allLogits, allLabels, classes, {
      multiLabel: link === 'sigmoid',
      groups,
      known: concat(known),
      class: one,
    });
  return {
    ...answers(),
    images: allLogits.length / classes,
    loss: classificationLoss(allLogits, allLabels, classes, link),
    mAP: metrics.mAP,
    exactMatch: metrics.exactMatch,
    ...localization(pairs),
    deadShare: dead / maps,
    ...(focusClass !== undefined && {
      focus: {
        ...answers(focusClass),
        present:
          allLabels.filter((value, i) => i % classes === focusClass && value > 0).length /
          (allLogits.length / classes),
        ...localization(pairs.filter((pair) => pair.class === focusClass)),
      },
    }),
    perClass: metrics.perClass,
  };
}

/**
 * Logits of a batch and the map of every true class, [H·W] each, of clips [T·H·W].
 *
 * The batch is padded to the same number of images and pairs each time, so that an engine that compiles by
 * shape compiles once.
 */
function inspectBatch(
  model: tfl.LayersModel,
  batch: HostBatch,
  classes: number,
  { batchSize, imageSize, frames, maxLabels, maps: options }: EvaluateOptions,
): { logits: Float32Array; maps: { pair: Pair; map: Float32Array }[] } {
  const extent = frames ? [frames, ...imageSize] : [...imageSize];
  const size = extent.reduce((product, length) => product * length, 1);
  const pairs = labelPairs(batch, classes, maxLabels);
  const padded = Array.from(
    { length: batchSize * maxLabels },
    (_, p) => pairs[p] ?? { sample: p % batchSize, class: 0 },
  );
  // Padding pairs repeat samples; with the groups fixed, they may not add a group.
  const order = spreadPadding(padded, pairs.length, batchSize, maxLabels);

  const [logits, maps] = tf.tidy(() => {
    const images = new Float32Array(batchSize * size * 3);
    images.set(batch.images);
    const clips = tf.tensor(images, [batchSize, ...extent, 3]);
    const result = attentionMaps<tf.Tensor>(model, clips, order, {
      ...options,
      differentiateWeights: false,
      groups: maxLabels,
    });
    return [tf.keep(result.logits), tf.keep(upsampleMaps(result.maps, extent))];
  });
  const rows = Float32Array.from(logits.dataSync().subarray(0, batch.size * classes));
  const values = maps.dataSync();
  const found = pairs.map((pair, p) => ({
    pair,
    map: Float32Array.from(values.subarray(p * size, (p + 1) * size)),
  }));
  tf.dispose([logits, maps]);
  return { logits: rows, maps: found };
}

/** Replaces padding pairs so that no sample has more than `maxLabels` of them. */
function spreadPadding(padded: Pair[], real: number, batchSize: number, maxLabels: number): Pair[] {
  const counts = new Array<number>(batchSize).fill(0);
  for (let p = 0; p < real; p++) counts[padded[p]!.sample]!++;
  let sample = 0;
  return padded.map((pair, p) => {
    if (p < real) return pair;
    while (counts[sample]! >= maxLabels) sample++;
    counts[sample]!++;
    return { sample, class: 0 };
  });
}

function concat(parts: readonly Float32Array[]): Float32Array {
  const whole = new Float32Array(parts.reduce((size, part) => size + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
