/**
 * Sparseness: the Gini coefficient of |a|, 0 for an attribution that is alike everywhere, towards 1 for one on a single
 * pixel.
 *
 *     G = Σ_i (2 i − n − 1) |a|_(i) / (n Σ |a|),   |a|_(1) ≤ … ≤ |a|_(n)
 *
 * (Chalasani et al., "Concise Explanations of Neural Networks using Adversarial Training", ICML 2020; Quantus adds 1e-7 to
 * each |a|, which shows where all are 0.)
 *
 * @returns NaN for an attribution of zeros
 */
export function sparseness(attribution: ArrayLike<number>): number {
  const sorted = Float64Array.from(attribution, Math.abs).sort();
  const n = sorted.length;
  let [weighted, sum] = [0, 0];
  for (let i = 0; i < n; i++) {
    weighted += (2 * (i + 1) - n - 1) * sorted[i]!;
    sum += sorted[i]!;
  }
  return sum > 0 ? weighted / (n * sum) : Number.NaN;
}

/**
 * Complexity: the entropy of the shares of |a|, in nats; 0 for a single pixel, log n for n alike.
 *
 *     H = −Σ_i p_i log p_i,   p_i = |a_i| / Σ |a|
 *
 * (Bhatt, Weller and Moura, "Evaluating and Aggregating Feature-based Model Explanations", IJCAI 2020, Eq 5.)
 *
 * @returns NaN for an attribution of zeros
 */
export function mapComplexity(attribution: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < attribution.length; i++) sum += Math.abs(attribution[i]!);
  if (!(sum > 0)) return Number.NaN;
  let entropy = 0;
  for (let i = 0; i < attribution.length; i++) {
    const share = Math.abs(attribution[i]!) / sum;
    if (share > 0) entropy -= share * Math.log(share);
  }
  return entropy;
}

/**
 * Effective complexity: how many pixels have a part at all, |a| > ε (Nguyen and Martínez, 2020, arXiv 2007.07584).
 *
 * @param epsilon Quantus's 1e-5 unless told
 */
export function effectiveComplexity(attribution: ArrayLike<number>, epsilon = 1e-5): number {
  let count = 0;
  for (let i = 0; i < attribution.length; i++) if (Math.abs(attribution[i]!) > epsilon) count++;
  return count;
}

/**
 * Completeness: how far an attribution's sum is from what it shares out, 0 for one that is complete.
 *
 *     Σ_i a_i − (f(x) − f(x'))
 *
 * (Sundararajan et al., ICML 2017, proposition 1. Quantus says 1 where it is exactly 0, else 0.)
 *
 * @param score f(x)
 * @param baseline f(x')
 */
export function completenessError(attribution: ArrayLike<number>, score: number, baseline: number): number {
  let sum = 0;
  for (let i = 0; i < attribution.length; i++) sum += attribution[i]!;
  return sum - (score - baseline);
}
