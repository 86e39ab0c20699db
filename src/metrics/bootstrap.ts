import { randomFor } from '../random/index.ts';

/** Distribution function of Poisson(1) at 0, 1, …; beyond it is 1 in 32 bits. */
const poisson = cumulativePoisson();

/** Ends of an interval, and the value itself. */
export interface Interval {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/**
 * The bootstrap over images, in one pass and constant memory: instead of drawing N of N images with replacement,
 * replicate r counts each image Poisson(1) times, which is the limit of the same for large N (Chamandy et al.,
 * "Estimating Uncertainty for Massive Data Streams", 2012). The counts depend on the seed and the image's position
 * alone, so all measures of an image are drawn together, those of its several classes included.
 */
export class Bootstrap {
  readonly replicates: number;
  readonly confidence: number;
  readonly seed: number;

  constructor({ replicates = 1000, confidence = 0.95, seed = 1 } = {}) {
    this.replicates = replicates;
    this.confidence = confidence;
    this.seed = seed;
  }

  /** How often each replicate draws an image, [R]. */
  counts(image: number): Uint8Array {
    const random = randomFor(this.seed, 'bootstrap', image);
    const counts = new Uint8Array(this.replicates);
    for (let r = 0; r < counts.length; r++) {
      const u = random.next();
      let k = 0;
      while (u >= poisson[k]!) k++;
      counts[r] = k;
    }
    return counts;
  }

  /**
   * Percentile interval of a statistic.
   *
   * @param values the statistic of each replicate; NaN (nothing was drawn) is left out
   */
  interval(value: number, values: ArrayLike<number>): Interval {
    const sorted = Float64Array.from(values)
      .filter((one) => !Number.isNaN(one))
      .sort();
    const tail = (1 - this.confidence) / 2;
    return { value, low: quantile(sorted, tail), high: quantile(sorted, 1 - tail) };
  }
}

/** A mean over images as it grows, with its replicates: Σ w x / Σ w. */
export class BootstrapMean {
  readonly #bootstrap: Bootstrap;
  readonly #sums: Float64Array;
  readonly #weights: Float64Array;
  #sum = 0;
  count = 0;

  constructor(bootstrap: Bootstrap) {
    this.#bootstrap = bootstrap;
    this.#sums = new Float64Array(bootstrap.replicates);
    this.#weights = new Float64Array(bootstrap.replicates);
  }

  /** @param counts of the image, from {@link Bootstrap.counts} */
  add(value: number, counts: Uint8Array): void {
    this.count++;
    this.#sum += value;
    for (let r = 0; r < counts.length; r++) {
      this.#sums[r]! += counts[r]! * value;
      this.#weights[r]! += counts[r]!;
    }
  }

  /** NaN of nothing. */
  get mean(): number {
    return this.#sum / this.count;
  }

  /** The mean in each replicate, [R]. */
  get replicates(): Float64Array {
    return this.#sums.map((sum, r) => sum / this.#weights[r]!);
  }

  get interval(): Interval {
    return this.#bootstrap.interval(this.mean, this.replicates);
  }
}

/** Several means over the same images, as they grow; {@link BootstrapMean} of each, in one pass over the replicates. */
export class BootstrapMeans {
  readonly #bootstrap: Bootstrap;
  readonly #size: number;
  /** [R·K] */
  readonly #sums: Float64Array;
  readonly #weights: Float64Array;
  readonly #sum: Float64Array;
  count = 0;

  /** @param size K, how many */
  constructor(bootstrap: Bootstrap, size: number) {
    this.#bootstrap = bootstrap;
    this.#size = size;
    this.#sums = new Float64Array(bootstrap.replicates * size);
    this.#weights = new Float64Array(bootstrap.replicates);
    this.#sum = new Float64Array(size);
  }

  /**
   * @param values [K]
   * @param counts of the image, from {@link Bootstrap.counts}
   */
  add(values: readonly number[], counts: Uint8Array): void {
    const size = this.#size;
    const sums = this.#sums;
    const weights = this.#weights;
    this.count++;
    for (let k = 0; k < size; k++) this.#sum[k]! += values[k]!;
    for (let r = 0, at = 0; r < counts.length; r++, at += size) {
      const weight = counts[r]!;
      // More than a third of the images are not in a replicate.
      if (weight === 0) continue;
      weights[r]! += weight;
      for (let k = 0; k < size; k++) sums[at + k]! += weight * values[k]!;
    }
  }

  /** NaN of nothing. */
  mean(k: number): number {
    return this.#sum[k]! / this.count;
  }

  interval(k: number): Interval {
    const replicates = this.#weights.map((weight, r) => this.#sums[r * this.#size + k]! / weight);
    return this.#bootstrap.interval(this.mean(k), replicates);
  }
}

/** Linear between the two nearest of the sorted values, as numpy's default. */
function quantile(sorted: Float64Array, share: number): number {
  const at = share * (sorted.length - 1);
  const below = Math.floor(at);
  const above = Math.min(below + 1, sorted.length - 1);
  return sorted.length === 0 ? Number.NaN : sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!);
}

function cumulativePoisson(): Float64Array {
  const cumulative = new Float64Array(16).fill(1);
  let term = Math.exp(-1);
  let sum = 0;
  for (let k = 0; k < 13; k++) {
    sum += term;
    cumulative[k] = sum;
    term /= k + 1;
  }
  return cumulative;
}
