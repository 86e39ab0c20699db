import {
  addPixels,
  type Bootstrap,
  pixelAveragePrecision,
  pixelHistogram,
  precisionRecall,
} from '../metrics/index.ts';
import { meanOfNumbers, withInterval } from './measured.ts';
import type { LocalizationScores, MaybeMeasured } from './result.ts';

/** Bins and replicates of the interval, coarser than the value itself. */
const coarseBins = 50;
const pooledReplicates = 200;
/** Points of a curve that is to be drawn. */
const drawnBins = 10;

/** How many replicates measures have whose pixels are pooled. */
export function pooledReplicatesOf(bootstrap: Bootstrap): number {
  return Math.min(pooledReplicates, bootstrap.replicates);
}

/** Precision and recall of the pixels of all maps, pooled, with the replicates of PxAP. */
export class PixelTally {
  readonly #bootstrap: Bootstrap;
  readonly #pixels = pixelHistogram();
  readonly #replicates: { inside: Float64Array; outside: Float64Array }[];
  /** Of one image, coarse. */
  readonly #image = pixelHistogram(coarseBins);
  readonly #filled = new Int32Array(coarseBins + 1);

  constructor(bootstrap: Bootstrap) {
    this.#bootstrap = bootstrap;
    this.#replicates = Array.from({ length: pooledReplicatesOf(bootstrap) }, () =>
      pixelHistogram(coarseBins),
    );
  }

  /**
   * @param normalized [H·W] min-max normalised
   * @param mask [H·W]
   * @param counts of the image, from the bootstrap
   */
  add(normalized: Float32Array, mask: Float32Array, counts: Uint8Array): void {
    addPixels(this.#pixels, normalized, mask);
    const image = this.#image;
    image.inside.fill(0);
    image.outside.fill(0);
    addPixels(image, normalized, mask);
    // Few bins of an image hold anything.
    const filled = this.#filled;
    let count = 0;
    for (let bin = 0; bin <= coarseBins; bin++) {
      if (image.inside[bin]! > 0 || image.outside[bin]! > 0) filled[count++] = bin;
    }
    for (let r = 0; r < this.#replicates.length; r++) {
      const weight = counts[r]!;
      if (weight === 0) continue;
      const { inside, outside } = this.#replicates[r]!;
      for (let i = 0; i < count; i++) {
        const bin = filled[i]!;
        inside[bin]! += weight * image.inside[bin]!;
        outside[bin]! += weight * image.outside[bin]!;
      }
    }
  }

  averagePrecision(): MaybeMeasured {
    const value = pixelAveragePrecision(this.#pixels);
    if (Number.isNaN(value)) return null;
    // The coarser bins of the replicates shift the area a little: what they say is how far it strays.
    const replicates = this.#replicates.map(pixelAveragePrecision).filter((ap) => !Number.isNaN(ap));
    const shift = value - meanOfNumbers(replicates);
    return withInterval(
      this.#bootstrap,
      value,
      replicates.map((ap) => ap + shift),
      this.#pixels.inside.reduce((sum, n) => sum + n, 0) +
        this.#pixels.outside.reduce((sum, n) => sum + n, 0),
    );
  }

  curve(): LocalizationScores['curves']['precisionRecall'] {
    return Number.isNaN(pixelAveragePrecision(this.#pixels))
      ? null
      : precisionRecall(this.#pixels, drawnBins);
  }
}
