/**
 * The cosine of two maps, Σ a b / (‖a‖₂ ‖b‖₂).
 *
 * @returns in [−1, 1], in [0, 1] for maps without negative values; NaN where one of the two is zero everywhere
 */
export function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return aa > 0 && bb > 0 ? Math.max(-1, Math.min(1, ab / Math.sqrt(aa * bb))) : Number.NaN;
}
