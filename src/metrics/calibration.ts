import { argMax } from './arg-max.ts';

/** One bin of a reliability diagram. */
export interface ReliabilityBin {
  /** How many forecasts fell in it. */
  readonly count: number;
  /** Their mean probability; null in an empty bin. */
  readonly confidence: number | null;
  /** How many of them came true, as a share; null in an empty bin. */
  readonly accuracy: number | null;
}

/** How far probabilities can be taken at their word. */
export interface Calibration {
  /** ECE, in [0, 1]; NaN of nothing. */
  readonly expectedError: number;
  /** Of equal width, from 0 to 1. */
  readonly bins: readonly ReliabilityBin[];
}

/**
 * Expected calibration error: forecasts in M bins of equal width by their probability,
 * ECE = Σ_m n_m / N |accuracy(m) − confidence(m)|, bin m holding the probabilities in ((m − 1) / M, m / M].
 *
 * Single-label: one forecast per image, the highest probability; it comes true where that class is the label.
 * Multi-label: one per image and class, its probability; it comes true where the image holds the class.
 *
 * @param probabilities [N,C] row-major
 * @param labels [N,C] multi-hot, row-major
 * @see Guo et al., "On Calibration of Modern Neural Networks" (ICML 2017), eq. 3, with its 15 bins
 */
export function calibration(
  probabilities: Float32Array,
  labels: Float32Array,
  classes: number,
  multiLabel: boolean,
  bins = 15,
): Calibration {
  const counts = new Array<number>(bins).fill(0);
  const confidences = new Array<number>(bins).fill(0);
  const right = new Array<number>(bins).fill(0);
  const add = (at: number) => {
    const probability = probabilities[at]!;
    const bin = Math.min(bins - 1, Math.max(0, Math.ceil(probability * bins) - 1));
    counts[bin]!++;
    confidences[bin]! += probability;
    right[bin]! += Number(labels[at]! > 0);
  };
  for (let row = 0; row < probabilities.length; row += classes) {
    if (multiLabel) for (let at = row; at < row + classes; at++) add(at);
    else add(row + argMax(probabilities, row, classes));
  }
  const forecasts = counts.reduce((sum, count) => sum + count, 0);
  const gaps = counts.map((_, m) => Math.abs(right[m]! - confidences[m]!));
  return {
    expectedError: gaps.reduce((sum, gap) => sum + gap, 0) / forecasts,
    bins: counts.map((count, m) => ({
      count,
      confidence: count > 0 ? confidences[m]! / count : null,
      accuracy: count > 0 ? right[m]! / count : null,
    })),
  };
}
