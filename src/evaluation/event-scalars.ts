import type { EvaluationResult, MaybeMeasured } from './result.ts';

/** The numbers of a result as TensorBoard curves: `localization-SPLIT/METHOD/boxAcc`. */
export function eventScalars({
  split,
  localization,
  faithfulness,
}: EvaluationResult): Record<string, number> {
  const scalars: Record<string, number> = {};
  const put = (tag: string, scores: Readonly<Record<string, unknown>>) => {
    for (const [name, value] of Object.entries(scores)) {
      const measured = value as MaybeMeasured;
      if (typeof measured?.value === 'number') scalars[`${tag}/${name}`] = measured.value;
    }
  };
  for (const [method, scores] of Object.entries(localization?.methods ?? {})) {
    put(`localization-${split}/${method}`, scores as unknown as Record<string, unknown>);
  }
  for (const [name, scores] of Object.entries(localization?.baselines ?? {})) {
    if (scores) put(`localization-${split}/${name}`, scores as unknown as Record<string, unknown>);
  }
  for (const [method, scores] of Object.entries(faithfulness?.methods ?? {})) {
    put(`faithfulness-${split}/${method}`, scores as unknown as Record<string, unknown>);
  }
  return scalars;
}
