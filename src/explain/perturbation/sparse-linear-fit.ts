/** y ≈ intercept + Σ coefficients · x. */
export interface LinearFit {
  /** [d], 0 for what was not selected. */
  readonly coefficients: Float64Array;
  readonly intercept: number;
  /** Which of the d were selected, in the order in which they were. */
  readonly selected: readonly number[];
  /** Weighted R²: the share of the variance that the fit explains. */
  readonly r2: number;
}

/**
 * A linear fit of few variables: forward selection, then weighted ridge regression on what was selected.
 *
 *     minimise  Σ_i π_i (y_i − b − Σ_j β_j z_ij)² + λ Σ_j β_j²        over the K selected j
 *
 * Each round of the selection takes the variable with which a least-squares fit explains most; when no variable adds
 * anything, there are fewer than K. All rounds work on one
 * d×d matrix of weighted products, whatever the number of samples.
 *
 * @param z [n·d]
 * @param y [n]
 * @param weights π, [n]
 * @param features K, at most so many variables
 * @param ridge λ
 */
export function sparseLinearFit(
  z: ArrayLike<number>,
  y: ArrayLike<number>,
  weights: ArrayLike<number>,
  { features, ridge }: { features: number; ridge: number },
): LinearFit {
  const samples = y.length;
  const d = z.length / samples;
  const { means, products, responses, yMean, yVariance } = weightedProducts(z, y, weights, d);

  const selected: number[] = [];
  const rest = new Set(Array.from({ length: d }, (_, j) => j));
  let most = 0;
  while (selected.length < features) {
    let best = -1;
    for (const j of rest) {
      const tried = [...selected, j];
      const beta = solve(products, responses, d, tried, 0);
      const explained = tried.reduce((sum, column, i) => sum + beta[i]! * responses[column]!, 0);
      if (explained > most * (1 + 1e-12)) [best, most] = [j, explained];
    }
    if (best < 0) break;
    selected.push(best);
    rest.delete(best);
  }

  const beta = solve(products, responses, d, selected, ridge);
  const coefficients = new Float64Array(d);
  let intercept = yMean;
  let residual = yVariance;
  for (const [i, j] of selected.entries()) {
    coefficients[j] = beta[i]!;
    intercept -= beta[i]! * means[j]!;
    residual -= 2 * beta[i]! * responses[j]!;
    for (const [k, other] of selected.entries()) residual += beta[i]! * beta[k]! * products[j * d + other]!;
  }
  return { coefficients, intercept, selected, r2: yVariance > 0 ? 1 - residual / yVariance : 0 };
}

/** Weighted means, and products of what is left when they are taken off. */
function weightedProducts(z: ArrayLike<number>, y: ArrayLike<number>, weights: ArrayLike<number>, d: number) {
  const means = new Float64Array(d);
  let [total, yMean] = [0, 0];
  for (let i = 0; i < y.length; i++) {
    total += weights[i]!;
    yMean += weights[i]! * y[i]!;
    for (let j = 0; j < d; j++) means[j]! += weights[i]! * z[i * d + j]!;
  }
  yMean /= total;
  for (let j = 0; j < d; j++) means[j]! /= total;

  const products = new Float64Array(d * d);
  const responses = new Float64Array(d);
  const row = new Float64Array(d);
  let yVariance = 0;
  for (let i = 0; i < y.length; i++) {
    const [weight, response] = [weights[i]!, y[i]! - yMean];
    yVariance += weight * response * response;
    for (let j = 0; j < d; j++) row[j] = z[i * d + j]! - means[j]!;
    for (let j = 0; j < d; j++) {
      const scaled = weight * row[j]!;
      responses[j]! += scaled * response;
      for (let k = 0; k <= j; k++) products[j * d + k]! += scaled * row[k]!;
    }
  }
  for (let j = 0; j < d; j++) {
    for (let k = 0; k < j; k++) products[k * d + j] = products[j * d + k]!;
  }
  return { means, products, responses, yMean, yVariance };
}

/**
 * (P + λ 1) β = r for some of the columns, by Cholesky's decomposition. A column that the others before it determine
 * gets 0.
 */
function solve(
  products: Float64Array,
  responses: Float64Array,
  d: number,
  columns: readonly number[],
  ridge: number,
): Float64Array {
  const n = columns.length;
  const lower = new Float64Array(n * n);
  const beta = new Float64Array(n);
  for (let i = 0; i < n; i++) {
    const diagonal = products[columns[i]! * d + columns[i]!]! + ridge;
    for (let j = 0; j <= i; j++) {
      let sum = products[columns[i]! * d + columns[j]!]! + (i === j ? ridge : 0);
      for (let k = 0; k < j; k++) sum -= lower[i * n + k]! * lower[j * n + k]!;
      if (i === j) lower[i * n + i] = sum > 1e-10 * diagonal ? Math.sqrt(sum) : Number.POSITIVE_INFINITY;
      else lower[i * n + j] = sum / lower[j * n + j]!;
    }
    let value = responses[columns[i]!]!;
    for (let k = 0; k < i; k++) value -= lower[i * n + k]! * beta[k]!;
    beta[i] = value / lower[i * n + i]!;
  }
  for (let i = n - 1; i >= 0; i--) {
    let value = beta[i]!;
    for (let k = i + 1; k < n; k++) value -= lower[k * n + i]! * beta[k]!;
    beta[i] = value / lower[i * n + i]!;
  }
  return beta;
}
