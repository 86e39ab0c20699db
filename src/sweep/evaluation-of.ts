import type { Sweep } from './sweep.ts';

/**
 * A sweep whose finished runs are evaluated, with the numbers in its table. Its `evaluate` says how; without it the
 * program's own defaults hold.
 */
export function evaluationOf(sweep: Sweep): Sweep {
  const splits = [...new Set(sweep.runs.flatMap(({ config }) => config.data.splits.test))];
  const known = new Set(sweep.metrics.map(({ key }) => key));
  const added = splits
    .flatMap((split) => ['accuracy', 'mAP'].map((name) => `evaluation.${split}.classification.${name}`))
    .filter((key) => !known.has(key));
  const wanted = [...known].some((key) => key.startsWith('evaluation.')) ? [] : added;
  return {
    ...sweep,
    evaluate: sweep.evaluate ?? {},
    metrics: [...sweep.metrics, ...wanted.map((key) => ({ key, title: key, percent: true }))],
    trains: false,
  };
}
