import { argMax } from './arg-max.ts';

/**
 * Average precision of one class: the area under the precision-recall curve as a sum over the positives,
 * AP = 1/P Σ_p precision(rank of p), images ordered by falling score (VOC 2010 and later without interpolation;
 * scikit-learn's `average_precision_score`). Equal scores share one point of the curve.
 *
 * @param scores one per image, any monotone score.
 * @param positive whether the class is in the image.
 * @returns in [0, 1]; NaN when no image holds the class.
 */
export function averagePrecision(scores: ArrayLike<number>, positive: ArrayLike<number | boolean>): number {
  const order = Array.from({ length: scores.length }, (_, i) => i).sort((a, b) => scores[b]! - scores[a]!);
  let truePositives = 0;
  let sum = 0;
  for (let from = 0; from < order.length; ) {
    let to = from;
    let hits = 0;
    do {
      if (positive[order[to]!]) hits++;
      to++;
    } while (to < order.length && scores[order[to]!] === scores[order[from]!]);
    truePositives += hits;
    sum += hits * (truePositives / to);
    from = to;
  }
  return truePositives === 0 ? Number.NaN : sum / truePositives;
}

/** What {@link classificationMetrics} gives; every share in [0, 1], NaN where nothing could be measured. */
export interface ClassificationMetrics {
  /** Mean of the average precision over the classes that occur. */
  mAP: number;
  /**
   * Single-label: share of images whose highest score is their label. Multi-label: share of right yes/no
   * decisions over all images and classes.
   */
  accuracy: number;
  /** Share of images on which every decision is right. Single-label: the same as accuracy. */
  exactMatch: number;
  /** Share of right decisions, per class: is the class in the image or not. */
  perClass: { accuracy: number[]; averagePrecision: number[] };
}

/**
 * Accuracy and mAP of a classifier on a set.
 *
 * Decisions: multi-label, yes where the logit is above 0 (probability 1/2); single-label, yes for the class with
 * the highest logit.
 *
 * @param logits [N,C] row-major.
 * @param labels [N,C] multi-hot, row-major.
 */
export function classificationMetrics(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  multiLabel: boolean,
): ClassificationMetrics {
  const images = logits.length / classes;
  const right = new Array<number>(classes).fill(0);
  let exact = 0;
  for (let n = 0; n < images; n++) {
    const row = logits.subarray(n * classes, (n + 1) * classes);
    const best = multiLabel ? -1 : argMax(row);
    let mistakes = 0;
    for (let c = 0; c < classes; c++) {
      const yes = multiLabel ? row[c]! > 0 : c === best;
      if (yes === labels[n * classes + c]! > 0) right[c]!++;
      else mistakes++;
    }
    if (mistakes === 0) exact++;
  }
  const column = (values: Float32Array, c: number) =>
    Float32Array.from({ length: images }, (_, n) => values[n * classes + c]!);
  const precision = right.map((_, c) => averagePrecision(column(logits, c), column(labels, c)));
  const accuracy = right.map((hits) => hits / images);
  return {
    mAP: meanOf(precision.filter((ap) => !Number.isNaN(ap))),
    accuracy: multiLabel ? meanOf(accuracy) : exact / images,
    exactMatch: exact / images,
    perClass: { accuracy, averagePrecision: precision },
  };
}

/** Arithmetic mean; NaN of nothing. */
export function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
