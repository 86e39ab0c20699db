import { UsageError } from '../../errors/index.ts';

/** A plane between two sets: w · x + b > 0 for the first. */
export interface Separator {
  /** w, of length 1. */
  readonly direction: Float64Array;
  /** b, of the direction at that length. */
  readonly offset: number;
  /** Share of the points on their own side. */
  readonly accuracy: number;
}

/**
 * Logistic regression between two sets of points, in the span of the points: as many unknowns as points, however long the
 * vectors are.
 *
 *     min_w,b  λ/2 ‖w‖² + Σ_i log(1 + exp(−t_i (w · x_i + b))),   w = Σ_i α_i x_i
 *
 * by Newton's method on α and b (iteratively reweighted least squares with the matrix of products of the points).
 *
 * @param first points t = 1, [n·d]
 * @param second points t = −1, [m·d]
 * @param size d
 * @param ridge λ @default 0.01 times the mean square of a point
 * @throws {UsageError} when one of the sets is empty or the lengths do not fit
 */
export function separate(first: Float32Array, second: Float32Array, size: number, ridge?: number): Separator {
  const [n, m] = [first.length / size, second.length / size];
  if (!(Number.isInteger(n) && Number.isInteger(m) && n >= 1 && m >= 1)) {
    throw new UsageError(
      `two sets of vectors of ${size} values are needed, received ${first.length} and ${second.length} values`,
    );
  }
  const count = n + m;
  const row = (i: number) =>
    i < n ? first.subarray(i * size, (i + 1) * size) : second.subarray((i - n) * size, (i - n + 1) * size);
  const gram = new Float64Array(count * count);
  let trace = 0;
  for (let i = 0; i < count; i++) {
    for (let j = i; j < count; j++) {
      let sum = 0;
      const [a, b] = [row(i), row(j)];
      for (let k = 0; k < size; k++) sum += a[k]! * b[k]!;
      gram[i * count + j] = sum;
      gram[j * count + i] = sum;
      if (i === j) trace += sum;
    }
  }
  const lambda = ridge ?? Math.max(1e-12, (0.01 * trace) / count);
  const alpha = new Float64Array(count);
  let offset = 0;
  const margins = new Float64Array(count);
  for (let step = 0; step < 100; step++) {
    for (let i = 0; i < count; i++) {
      let sum = offset;
      for (let j = 0; j < count; j++) sum += gram[i * count + j]! * alpha[j]!;
      margins[i] = sum;
    }
    // [K + λ W⁻¹, 1; 1ᵀ, 0] [α; b] = [z; 0], z the working response.
    const width = count + 2;
    const system = new Float64Array((count + 1) * width);
    for (let i = 0; i < count; i++) {
      const p = 1 / (1 + Math.exp(-margins[i]!));
      const weight = Math.max(1e-9, p * (1 - p));
      for (let j = 0; j < count; j++) system[i * width + j] = gram[i * count + j]!;
      system[i * width + i]! += lambda / weight;
      system[i * width + count] = 1;
      system[i * width + count + 1] = margins[i]! + ((i < n ? 1 : 0) - p) / weight;
      system[count * width + i] = 1;
    }
    const solved = solve(system, count + 1);
    let moved = Math.abs(solved[count]! - offset);
    offset = solved[count]!;
    for (let i = 0; i < count; i++) {
      moved = Math.max(moved, Math.abs(solved[i]! - alpha[i]!));
      alpha[i] = solved[i]!;
    }
    if (moved < 1e-10) break;
  }
  const direction = new Float64Array(size);
  for (let i = 0; i < count; i++) {
    const x = row(i);
    for (let k = 0; k < size; k++) direction[k]! += alpha[i]! * x[k]!;
  }
  let right = 0;
  for (let i = 0; i < count; i++) {
    let margin = offset;
    const x = row(i);
    for (let k = 0; k < size; k++) margin += direction[k]! * x[k]!;
    if (margin > 0 === i < n) right++;
  }
  const length = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0)) || 1;
  return {
    direction: direction.map((value) => value / length),
    offset: offset / length,
    accuracy: right / count,
  };
}

/** Gaussian elimination with pivots of [n, n + 1]. */
function solve(system: Float64Array, n: number): Float64Array {
  const width = n + 1;
  for (let column = 0; column < n; column++) {
    let pivot = column;
    for (let i = column + 1; i < n; i++) {
      if (Math.abs(system[i * width + column]!) > Math.abs(system[pivot * width + column]!)) pivot = i;
    }
    if (pivot !== column) {
      for (let j = 0; j < width; j++) {
        const kept = system[column * width + j]!;
        system[column * width + j] = system[pivot * width + j]!;
        system[pivot * width + j] = kept;
      }
    }
    const head = system[column * width + column]!;
    for (let i = column + 1; i < n; i++) {
      const factor = system[i * width + column]! / head;
      if (factor === 0) continue;
      for (let j = column; j < width; j++) system[i * width + j]! -= factor * system[column * width + j]!;
    }
  }
  const solution = new Float64Array(n);
  for (let i = n - 1; i >= 0; i--) {
    let sum = system[i * width + n]!;
    for (let j = i + 1; j < n; j++) sum -= system[i * width + j]! * solution[j]!;
    solution[i] = sum / system[i * width + i]!;
  }
  return solution;
}
