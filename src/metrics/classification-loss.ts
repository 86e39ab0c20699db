import { meanOf } from './classification.ts';

/** Mean over images of the softmax cross-entropy (labels shared equally), or of the mean binary one. */
export function classificationLoss(
  logits: Float32Array,
  labels: Float32Array,
  classes: number,
  link: 'sigmoid' | 'softmax',
): number {
  let sum = 0;
  for (let at = 0; at < logits.length; at += classes) {
    const x = logits.subarray(at, at + classes);
    const y = labels.subarray(at, at + classes);
    if (link === 'sigmoid') {
      const terms = Array.from(
        x,
        (value, c) => Math.max(value, 0) - value * y[c]! + Math.log1p(Math.exp(-Math.abs(value))),
      );
      sum += meanOf(terms);
    } else {
      const peak = Math.max(...x);
      const log = peak + Math.log(x.reduce((total, value) => total + Math.exp(value - peak), 0));
      const count = y.reduce((total, value) => total + value, 0) || 1;
      sum += x.reduce((total, value, c) => total + (y[c]! * (log - value)) / count, 0);
    }
  }
  return sum / (logits.length / classes);
}
