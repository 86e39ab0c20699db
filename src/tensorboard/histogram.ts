/** Counts of values per bucket, with the moments that TensorBoard shows: the fields of `HistogramProto`. */
export interface Histogram {
  min: number;
  max: number;
  /** How many values were counted. */
  num: number;
  sum: number;
  sumSquares: number;
  /** Upper edge (exclusive) of each bucket. */
  bucketLimit: number[];
  /** How many values lie in each bucket. */
  bucket: number[];
}

/**
 * TensorFlow's default edges: 0, and ±1e-12 · 1.1ⁿ up to ±1e20, closed by the largest doubles. Exponential
 * edges keep the relative resolution of weights and gradients whose scale is not known in advance.
 */
const LIMITS = exponentialLimits();

function exponentialLimits(): Float64Array {
  const positive: number[] = [];
  for (let edge = 1e-12; edge < 1e20; edge *= 1.1) positive.push(edge);
  positive.push(Number.MAX_VALUE);
  return Float64Array.from([...positive.map((edge) => -edge).reverse(), 0, ...positive]);
}

const LAST = LIMITS.length - 1;
const ZERO = LAST / 2;
const PER_NATURAL_LOG = 1 / Math.log(1.1);

/**
 * Index of the smallest limit above `value`; the last one for a value that no limit exceeds. The logarithm
 * leads to the right limit or to its neighbour, which the comparisons settle exactly.
 */
function bucketOf(value: number): number {
  const steps = Math.ceil(Math.log(Math.abs(value) * 1e12) * PER_NATURAL_LOG);
  const fromZero = Math.min(Math.max(steps, 0), ZERO - 1);
  let index = value < 0 ? ZERO - fromZero : ZERO + 1 + fromZero;
  while (index > 0 && LIMITS[index - 1]! > value) index -= 1;
  while (index < LAST && LIMITS[index]! <= value) index += 1;
  return index;
}

/**
 * Counts values in TensorFlow's exponential buckets; a run of empty buckets is merged into one.
 *
 * NaN and infinite values have no place on the axis and are left out of every field, so `num` falls short of
 * `values.length` by their number. No values at all give one empty bucket.
 *
 * @param values any number of values
 * @returns the histogram; the sum of `bucket` equals `num`
 */
export function summarizeHistogram(values: ArrayLike<number>): Histogram {
  const counts = new Float64Array(LIMITS.length);
  let min = Number.POSITIVE_INFINITY;
  let max = Number.NEGATIVE_INFINITY;
  let num = 0;
  let sum = 0;
  let sumSquares = 0;
  for (let i = 0; i < values.length; i++) {
    const value = values[i]!;
    if (!Number.isFinite(value)) continue;
    counts[bucketOf(value)]! += 1;
    if (value < min) min = value;
    if (value > max) max = value;
    num += 1;
    sum += value;
    sumSquares += value * value;
  }
  if (num === 0)
    return { min: 0, max: 0, num, sum, sumSquares, bucketLimit: [Number.MAX_VALUE], bucket: [0] };

  const bucketLimit: number[] = [];
  const bucket: number[] = [];
  for (let i = 0; i < counts.length; i++) {
    const runGoesOn = counts[i] === 0 && counts[i + 1] === 0;
    if (runGoesOn) continue;
    bucketLimit.push(LIMITS[i]!);
    bucket.push(counts[i]!);
  }
  return { min, max, num, sum, sumSquares, bucketLimit, bucket };
}
