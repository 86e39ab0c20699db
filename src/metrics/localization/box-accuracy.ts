import { boxAt, iouAt } from './box-list.ts';
import type { ContourSweep } from './contour-sweep.ts';
import { bestIou, emptyBox, type PixelBox } from './pixel-box.ts';

/** Levels of an 8-bit map; threshold τ means level ⌊255 τ⌋, the map being normalised to a maximum of 255. */
export const levelCount = 255;

/** The threshold that stands for a level: the middle of those that mean it. */
export function thresholdOf(level: number): number {
  return (level + 0.5) / levelCount;
}

/** What the boxes of one map are worth, by level. */
export interface IouByLevel {
  /** [255] IoU of the largest contour's box with the best true box (MaxBoxAcc). */
  readonly largest: Float32Array;
  /** [255] best IoU of any contour's box with any true box (MaxBoxAccV2). */
  readonly any: Float32Array;
}

/**
 * IoU of a map's boxes with the true boxes at all levels. Where nothing is above the level, the box is the first pixel.
 *
 * @param bytes [H·W], the normalised 8-bit map
 * @param truth boxes in pixels of the same image
 * @param keepLevel the level whose largest box is returned
 * @returns the box of the largest contour at `keepLevel`
 */
export function iouByLevel(
  sweep: ContourSweep,
  bytes: Uint8Array,
  truth: readonly PixelBox[],
  { largest, any }: IouByLevel,
  keepLevel = -1,
): PixelBox {
  const nothing = bestIou(emptyBox, truth);
  let kept = emptyBox;
  sweep.sweep(bytes, (level, boxes, index) => {
    if (index < 0) {
      largest[level] = any[level] = nothing;
      return;
    }
    if (level === keepLevel) kept = boxAt(boxes, index);
    let ofLargest = 0;
    let best = 0;
    for (const other of truth) {
      ofLargest = Math.max(ofLargest, iouAt(boxes, index, other));
      for (let i = 0; i < boxes.count; i++) best = Math.max(best, iouAt(boxes, i, other));
    }
    largest[level] = ofLargest;
    any[level] = best;
  });
  return kept;
}

/**
 * BoxAcc over thresholds: BoxAcc(τ, δ) = share of maps with IoU(box(τ), truth) ≥ δ, one τ for the whole data set
 * (Choe et al., "Evaluating Weakly Supervised Object Localization Methods Right", CVPR 2020, Eq 2; V2 in the
 * journal version, arXiv 2007.04178, section 3.3). Constant memory: counts by level.
 */
export class BoxAccuracyCurve {
  readonly iouLevels: readonly number[];
  count = 0;
  readonly #largest = new Float64Array(levelCount);
  readonly #any: readonly Float64Array[];

  /** @param iouLevels δ of MaxBoxAccV2 */
  constructor(iouLevels: readonly number[] = [0.3, 0.5, 0.7]) {
    this.iouLevels = iouLevels;
    this.#any = iouLevels.map(() => new Float64Array(levelCount));
  }

  add({ largest, any }: IouByLevel): void {
    this.count++;
    for (let level = 0; level < levelCount; level++) if (largest[level]! >= 0.5) this.#largest[level]!++;
    for (const [d, delta] of this.iouLevels.entries()) {
      const hits = this.#any[d]!;
      // A Float32Array holds .3 as a little more than .3.
      for (let level = 0; level < levelCount; level++) if (any[level]! >= Math.fround(delta)) hits[level]!++;
    }
  }

  /** BoxAcc(τ, .5) of the largest contour, by level. */
  get boxAcc(): Float64Array {
    return this.#largest.map((hits) => hits / this.count);
  }

  /** BoxAcc(τ, δ) of any contour, [δ][level]. */
  get boxAccV2(): Float64Array[] {
    return this.#any.map((hits) => hits.map((sum) => sum / this.count));
  }

  /** Max over τ of BoxAcc(τ, .5): MaxBoxAcc, and its level. */
  get best(): { value: number; level: number } {
    return peak(this.boxAcc);
  }

  /** Mean over δ of the max over τ of BoxAcc(τ, δ): MaxBoxAccV2, and the level of each δ. */
  get bestV2(): { value: number; levels: number[] } {
    const peaks = this.boxAccV2.map(peak);
    return {
      value: peaks.reduce((sum, { value }) => sum + value, 0) / peaks.length,
      levels: peaks.map(({ level }) => level),
    };
  }
}

/** The largest value; of several places that reach it the middle one, which depends least on single images. */
function peak(values: Float64Array): { value: number; level: number } {
  const value = values.reduce((most, one) => Math.max(most, one), 0);
  const levels = Array.from(values.keys()).filter((level) => values[level] === value);
  return { value, level: levels[Math.floor((levels.length - 1) / 2)] ?? 0 };
}
