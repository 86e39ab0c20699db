/** A precision-recall curve, by falling threshold. */
export interface PrecisionRecall {
  readonly thresholds: number[];
  readonly precision: number[];
  readonly recall: number[];
}

/** Counts of pixels by value of the map, on the object and beside it. */
export interface PixelHistogram {
  readonly inside: Float64Array;
  readonly outside: Float64Array;
}

/** An empty histogram; a value of 1 has a bin of its own. */
export function pixelHistogram(bins = 1000): PixelHistogram {
  return { inside: new Float64Array(bins + 1), outside: new Float64Array(bins + 1) };
}

/**
 * Adds the pixels of an image.
 *
 * @param map [H·W] in [0, 1]
 * @param mask [H·W], > 0.5 on the object, < 0 to be ignored
 */
export function addPixels(
  { inside, outside }: PixelHistogram,
  map: ArrayLike<number>,
  mask: ArrayLike<number>,
): void {
  const bins = inside.length - 1;
  for (let i = 0; i < map.length; i++) {
    const truth = mask[i]!;
    if (truth < 0) continue;
    const bin = Math.trunc(map[i]! * bins);
    if (truth > 0.5) inside[bin]!++;
    else outside[bin]!++;
  }
}

/**
 * PxAP: the area under the pixel precision-recall curve, the pixels of all images pooled,
 * Σ_l Prec(τ_l) (Rec(τ_l) − Rec(τ_{l−1})) over falling τ (Choe et al., CVPR 2020, Eq 4).
 *
 * @returns in [0, 1]; NaN without a pixel on an object
 */
export function pixelAveragePrecision({ inside, outside }: PixelHistogram): number {
  let [truePositives, falsePositives, sum] = [0, 0, 0];
  for (let bin = inside.length - 1; bin >= 0; bin--) {
    truePositives += inside[bin]!;
    falsePositives += outside[bin]!;
    if (inside[bin]! > 0) sum += inside[bin]! * (truePositives / (truePositives + falsePositives));
  }
  return truePositives > 0 ? sum / truePositives : Number.NaN;
}

/** The curve itself, at every `step`-th bin. */
export function precisionRecall({ inside, outside }: PixelHistogram, step = 1): PrecisionRecall {
  const curve: PrecisionRecall = { thresholds: [], precision: [], recall: [] };
  const positives = inside.reduce((sum, count) => sum + count, 0);
  let [truePositives, falsePositives] = [0, 0];
  for (let bin = inside.length - 1; bin >= 0; bin--) {
    truePositives += inside[bin]!;
    falsePositives += outside[bin]!;
    if (bin % step !== 0 || truePositives + falsePositives === 0) continue;
    curve.thresholds.push(bin / (inside.length - 1));
    curve.precision.push(truePositives / (truePositives + falsePositives));
    curve.recall.push(truePositives / positives);
  }
  return curve;
}
