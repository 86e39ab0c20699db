import type { Bootstrap, BootstrapMean } from '../metrics/index.ts';
import type { Measured } from './result.ts';

/** Mean with its interval. */
export function measuredMean(mean: BootstrapMean): Measured {
  const { value, low, high } = mean.interval;
  return { value, low: orNull(low), high: orNull(high), count: mean.count };
}

/** A value with the interval of its replicates. */
export function withInterval(
  bootstrap: Bootstrap,
  value: number,
  replicates: number[],
  count: number,
): Measured {
  const { low, high } = bootstrap.interval(value, replicates);
  return { value, low: orNull(low), high: orNull(high), count };
}

/** Mean of the numbers among the values; NaN where there is none. */
export function meanOfNumbers(values: readonly number[]): number {
  const numbers = values.filter((value) => !Number.isNaN(value));
  return numbers.reduce((sum, value) => sum + value, 0) / numbers.length;
}

/** What is no number is not measured. */
export function orNull(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
