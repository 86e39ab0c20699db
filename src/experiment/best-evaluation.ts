import type { Config } from '../config/index.ts';
import type { SplitMetrics } from '../evaluation/index.ts';

/** The evaluation that `training.selectBy` likes best so far. */
export interface BestEvaluation {
  readonly metric: string;
  readonly value: number;
  readonly epoch: number;
}

/** The metric that checkpoints are chosen by; of groups, the focus class's where there is one. */
export function selectedMetric(metrics: SplitMetrics, name: Config['training']['selectBy']): number {
  const { apart, worst, auc } = metrics.composites ?? {};
  const ofComposites = { compositesApart: apart, compositesWorst: worst, compositesAuc: auc };
  if (name in ofComposites) return ofComposites[name as keyof typeof ofComposites] ?? Number.NaN;
  const about = metrics.focus && (name === 'worstGroup' || name === 'groupMean') ? metrics.focus : metrics;
  return (about as unknown as Record<string, number | undefined>)[name] ?? Number.NaN;
}

/** Whether a value is better than the best so far: lower for a loss, higher for all else; NaN never is. */
export function isBetter(metric: string, value: number, best: BestEvaluation | null): boolean {
  if (best === null) return !Number.isNaN(value);
  return metric === 'loss' ? value < best.value : value > best.value;
}
