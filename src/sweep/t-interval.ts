/** A mean with the two-sided interval that holds the true one. */
export interface MeanInterval {
  readonly mean: number;
  /** NaN of fewer than two values. */
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** Mean and sample standard deviation, sqrt(Σ (x − mean)² / (n − 1)); NaN where there are too few values. */
export function meanAndDeviation(values: readonly number[]): { mean: number; std: number } {
  const n = values.length;
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, std: n < 2 ? Number.NaN : Math.sqrt(squares / (n - 1)) };
}

/**
 * Student's interval of a mean: mean ± t(n − 1) std / sqrt(n). Of the differences of pairs it is the paired t-test's.
 *
 * @param values at least two, taken to be normally distributed
 * @param confidence @default 0.95
 */
export function tInterval(values: readonly number[], confidence = 0.95): MeanInterval {
  const count = values.length;
  const { mean, std } = meanAndDeviation(values);
  const half = count < 2 ? Number.NaN : (tQuantile((1 + confidence) / 2, count - 1) * std) / Math.sqrt(count);
  return { mean, low: mean - half, high: mean + half, count };
}

/** Value that a t-distributed variable stays below with probability p in (0.5, 1), by bisection. */
export function tQuantile(p: number, degrees: number): number {
  let [low, high] = [0, 1];
  while (tBelow(high, degrees) < p) high *= 2;
  while (high - low > 1e-12 * high) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (tBelow(middle, degrees) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * Distribution function of Student's t at t ≥ 0 for a whole number of degrees of freedom: 1/2 + A/2, with A the finite
 * sums in the angle atan(t / sqrt(degrees)) of Abramowitz & Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4.
 */
function tBelow(t: number, degrees: number): number {
  const angle = Math.atan(t / Math.sqrt(degrees));
  const odd = degrees % 2 === 1;
  const squared = Math.cos(angle) ** 2;
  let term = odd ? Math.cos(angle) : 1;
  let sum = degrees === 1 ? 0 : term;
  for (let k = odd ? 2 : 1; k + 1 < degrees; k += 2) {
    term *= (k / (k + 1)) * squared;
    sum += term;
  }
  const within = odd ? (2 / Math.PI) * (angle + Math.sin(angle) * sum) : Math.sin(angle) * sum;
  return (1 + within) / 2;
}
