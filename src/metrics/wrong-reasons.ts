/** How bright a normalised attribution is: on average, and on the pixels of a mask. */
export interface MaskActivation {
  /** Over all pixels of the image. */
  readonly mean: number;
  /** At each pixel of the mask. */
  readonly inMask: Float32Array;
}

/**
 * An attribution with its negative values cut off, min-max normalised: its mean, and its values in a mask.
 *
 * @param attribution [h·w], of any sign and scale
 * @param mask [h·w], 1 inside
 * @returns undefined where there is nothing to measure: an attribution of one value (the benchmark leaves those out,
 *   too), or an empty mask
 */
export function maskActivation(
  attribution: ArrayLike<number>,
  mask: ArrayLike<number>,
): MaskActivation | undefined {
  let [low, high, sum, pixels] = [Number.POSITIVE_INFINITY, 0, 0, 0];
  for (let i = 0; i < attribution.length; i++) {
    const value = Math.max(0, attribution[i]!);
    low = Math.min(low, value);
    high = Math.max(high, value);
    sum += value;
    if (mask[i]! > 0.5) pixels++;
  }
  if (!(high > low) || pixels === 0) return undefined;
  const inMask = new Float32Array(pixels);
  let at = 0;
  for (let i = 0; i < attribution.length; i++) {
    if (mask[i]! > 0.5) inMask[at++] = (Math.max(0, attribution[i]!) - low) / (high - low);
  }
  return { mean: (sum / attribution.length - low) / (high - low), inMask };
}

/**
 * WR, activation for the wrong reasons: the share of a confounder's mask that is on, in each image.
 *
 *     WR_i = Σ_j∈mask_i 1[a_ij > t] / |mask_i|,   t: mean over the images of the mean of a_i
 *
 * One threshold serves the whole data set. What is published is 100 times the mean over the images; lower is better.
 *
 * @param activations of the images of a data set, see {@link maskActivation}
 * @returns the threshold (NaN of no image), and the share of each image
 * @see Friedrich et al., "A typology for exploring the mitigation of shortcut behaviour", Nature Machine Intelligence
 *   2023, arXiv 2203.03668. Its code adds 1e-6 to the maximum that it divides by
 */
export function wrongReasons(activations: readonly MaskActivation[]): {
  readonly threshold: number;
  readonly shares: readonly number[];
} {
  const threshold = activations.reduce((sum, { mean }) => sum + mean, 0) / activations.length;
  const shares = activations.map(
    ({ inMask }) => inMask.reduce((on, value) => on + Number(value > threshold), 0) / inMask.length,
  );
  return { threshold, shares };
}
