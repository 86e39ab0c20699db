import { UsageError } from '../../errors/index.ts';
import type { Link } from '../../losses/index.ts';

/** Features and labels to fit a last layer to. */
export interface RegressionData {
  /** [N,K], row by row. */
  readonly features: Float32Array;
  /** [N,C], 0 to 1. */
  readonly labels: Float32Array;
  /** [N], weight of each sample. @default all 1 */
  readonly weights?: Float32Array | undefined;
  /** K. */
  readonly width: number;
  /** C. */
  readonly classes: number;
}

/** A last layer: logits = x · kernel + bias. */
export interface LinearLayer {
  /** [K,C], row by row. */
  readonly kernel: Float32Array;
  /** [C]. */
  readonly bias: Float32Array;
}

/**
 * Logistic regression with a squared penalty on the weights of standardised features, by Newton's method; each step
 * is solved by conjugate gradients, so that no matrix of K² is formed.
 *
 *     min  Σ_n v_n ℓ(W z_n + b, y_n) / Σ_n v_n + λ/2 ‖W‖²,   z = (x − mean) / (spread + 10⁻⁶)
 *
 * ℓ is the cross-entropy of a softmax, or of one sigmoid per class. The penalty does not touch the bias.
 *
 * @param link of the classes
 * @param lambda λ. @default 0.001
 * @returns the layer for features as they are, not standardised
 * @throws {UsageError} when the numbers do not fit
 */
export function logisticRegression(data: RegressionData, link: Link, lambda = 1e-3): LinearLayer {
  const { features, labels, width: K, classes: C } = data;
  const N = features.length / K;
  if (!Number.isInteger(N) || N === 0 || labels.length !== N * C) {
    throw new UsageError(
      `logistic regression: ${features.length} features of width ${K} do not fit ${labels.length} labels of ${C} classes`,
    );
  }
  const v = Float64Array.from({ length: N }, (_, n) => data.weights?.[n] ?? 1);
  const total = v.reduce((sum, value) => sum + value, 0);
  const { z, mean, spread } = standardized(features, N, K, v, total);
  const size = (K + 1) * C;
  const theta = new Float64Array(size);

  const logitsOf = (of: Float64Array) => {
    const out = new Float64Array(N * C);
    for (let n = 0; n < N; n++) {
      for (let c = 0; c < C; c++) out[n * C + c] = of[K * C + c]!;
      for (let k = 0; k < K; k++) {
        const x = z[n * K + k]!;
        for (let c = 0; c < C; c++) out[n * C + c]! += x * of[k * C + c]!;
      }
    }
    return out;
  };
  /** Zᵀ of something of shape [N,C], with the penalty on `of`. */
  const backwards = (errors: Float64Array, of: Float64Array) => {
    const out = new Float64Array(size);
    for (let n = 0; n < N; n++) {
      const weight = v[n]! / total;
      for (let c = 0; c < C; c++) {
        const error = errors[n * C + c]! * weight;
        if (error === 0) continue;
        for (let k = 0; k < K; k++) out[k * C + c]! += error * z[n * K + k]!;
        out[K * C + c]! += error;
      }
    }
    for (let i = 0; i < K * C; i++) out[i]! += lambda * of[i]!;
    return out;
  };
  const objective = (logits: Float64Array, of: Float64Array) => {
    let value = 0;
    for (let n = 0; n < N; n++) value += (v[n]! / total) * costOf(logits, labels, n, C, link);
    for (let i = 0; i < K * C; i++) value += (lambda / 2) * of[i]! ** 2;
    return value;
  };

  let logits = logitsOf(theta);
  let current = objective(logits, theta);
  for (let iteration = 0; iteration < 50; iteration++) {
    const p = probabilitiesOf(logits, N, C, link);
    const gradient = backwards(
      p.map((value, i) => value - labels[i]!),
      theta,
    );
    const curvature = (direction: Float64Array) => {
      const d = logitsOf(direction);
      for (let n = 0; n < N; n++) {
        let mixed = 0;
        for (let c = 0; c < C; c++) mixed += p[n * C + c]! * d[n * C + c]!;
        for (let c = 0; c < C; c++) {
          const i = n * C + c;
          d[i] = link === 'softmax' ? p[i]! * (d[i]! - mixed) : p[i]! * (1 - p[i]!) * d[i]!;
        }
      }
      return backwards(d, direction);
    };
    const step = conjugateGradients(curvature, gradient);
    const slope = dot(step, gradient);
    if (slope < 1e-10) break;
    let length = 1;
    let accepted = false;
    for (let half = 0; half < 20 && !accepted; half++, length /= 2) {
      const next = theta.map((value, i) => value - length * step[i]!);
      const nextLogits = logitsOf(next);
      const value = objective(nextLogits, next);
      if (value <= current - 1e-4 * length * slope) {
        theta.set(next);
        logits = nextLogits;
        current = value;
        accepted = true;
      }
    }
    if (!accepted) break;
  }
  return unscaled(theta, mean, spread, K, C);
}

function standardized(x: Float32Array, N: number, K: number, v: Float64Array, total: number) {
  const mean = new Float64Array(K);
  const spread = new Float64Array(K);
  for (let n = 0; n < N; n++) for (let k = 0; k < K; k++) mean[k]! += (v[n]! * x[n * K + k]!) / total;
  for (let n = 0; n < N; n++) {
    for (let k = 0; k < K; k++) spread[k]! += (v[n]! * (x[n * K + k]! - mean[k]!) ** 2) / total;
  }
  for (let k = 0; k < K; k++) spread[k] = Math.sqrt(spread[k]!) + 1e-6;
  const z = new Float64Array(N * K);
  for (let i = 0; i < z.length; i++) z[i] = (x[i]! - mean[i % K]!) / spread[i % K]!;
  return { z, mean, spread };
}

function unscaled(
  theta: Float64Array,
  mean: Float64Array,
  spread: Float64Array,
  K: number,
  C: number,
): LinearLayer {
  const kernel = new Float32Array(K * C);
  const bias = Float64Array.from(theta.subarray(K * C));
  for (let k = 0; k < K; k++) {
    for (let c = 0; c < C; c++) {
      const w = theta[k * C + c]! / spread[k]!;
      kernel[k * C + c] = w;
      bias[c]! -= w * mean[k]!;
    }
  }
  return { kernel, bias: Float32Array.from(bias) };
}

function softplus(x: number): number {
  return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
}

function costOf(logits: Float64Array, labels: Float32Array, n: number, C: number, link: Link): number {
  let cost = 0;
  if (link === 'sigmoid') {
    for (let i = n * C; i < (n + 1) * C; i++) cost += softplus(logits[i]!) - labels[i]! * logits[i]!;
    return cost;
  }
  const row = logits.subarray(n * C, (n + 1) * C);
  const highest = Math.max(...row);
  const normalizer = highest + Math.log(row.reduce((sum, value) => sum + Math.exp(value - highest), 0));
  row.forEach((value, c) => {
    cost += labels[n * C + c]! * (normalizer - value);
  });
  return cost;
}

function probabilitiesOf(logits: Float64Array, N: number, C: number, link: Link): Float64Array {
  if (link === 'sigmoid') return logits.map((value) => 1 / (1 + Math.exp(-value)));
  const p = new Float64Array(logits.length);
  for (let n = 0; n < N; n++) {
    const row = logits.subarray(n * C, (n + 1) * C);
    const highest = Math.max(...row);
    let sum = 0;
    for (let c = 0; c < C; c++) sum += p[n * C + c] = Math.exp(row[c]! - highest);
    for (let c = 0; c < C; c++) p[n * C + c]! /= sum;
  }
  return p;
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** Solves H x = b for a positive definite H (Hestenes & Stiefel 1952), to a relative residual of 10⁻⁶. */
function conjugateGradients(apply: (x: Float64Array) => Float64Array, b: Float64Array): Float64Array {
  const x = new Float64Array(b.length);
  const residual = Float64Array.from(b);
  let direction = Float64Array.from(b);
  let squared = dot(residual, residual);
  const enough = squared * 1e-12;
  for (let i = 0; i < 200 && squared > enough; i++) {
    const image = apply(direction);
    const step = squared / (dot(direction, image) + 1e-30);
    for (let j = 0; j < x.length; j++) {
      x[j]! += step * direction[j]!;
      residual[j]! -= step * image[j]!;
    }
    const next = dot(residual, residual);
    const ratio = next / squared;
    direction = direction.map((value, j) => residual[j]! + ratio * value);
    squared = next;
  }
  return x;
}
