import type { EvaluationResult, MaybeMeasured } from './result.ts';

/** The numbers of a result as TensorBoard curves: `localization-SPLIT/METHOD/boxAcc`. */
export function eventScalars({
  split,
  classification,
  localization,
  faithfulness,
  wrongReasons,
  teacher,
}: EvaluationResult): Record<string, number> {
  const scalars: Record<string, number> = {};
  const put = (tag: string, scores: Readonly<Record<string, unknown>>) => {
    for (const [name, value] of Object.entries(scores)) {
      const measured = value as MaybeMeasured;
      if (typeof measured?.value === 'number') scalars[`${tag}/${name}`] = measured.value;
    }
  };
  put(`classification-${split}`, classification as unknown as Record<string, unknown>);
  const { calibration, answers, focus } = classification;
  for (const [tag, scores] of [
    [`answers-${split}`, answers],
    [`answers-${split}/focus`, focus],
  ] as const) {
    for (const [name, value] of Object.entries(scores ?? {}))
      if (typeof value === 'number') scalars[`${tag}/${name}`] = value;
    for (const [name, value] of Object.entries(scores?.constant ?? {}))
      if (typeof value === 'number') scalars[`${tag}/constant-${name}`] = value;
  }
  if (typeof calibration?.expectedError === 'number') {
    scalars[`classification-${split}/calibrationError`] = calibration.expectedError;
  }
  if (teacher) put(`teacher-${split}`, { agreement: teacher.agreement });
  for (const [method, likeness] of Object.entries(teacher?.maps ?? {})) {
    put(`teacher-${split}/${method}`, likeness);
  }
  for (const [method, scores] of Object.entries(localization?.methods ?? {})) {
    put(`localization-${split}/${method}`, scores as unknown as Record<string, unknown>);
  }
  for (const [name, scores] of Object.entries(localization?.baselines ?? {})) {
    if (scores) put(`localization-${split}/${name}`, scores as unknown as Record<string, unknown>);
  }
  for (const [method, scores] of Object.entries(faithfulness?.methods ?? {})) {
    put(`faithfulness-${split}/${method}`, scores as unknown as Record<string, unknown>);
  }
  for (const [method, scores] of Object.entries(wrongReasons?.methods ?? {})) {
    put(`wrong-reasons-${split}/${method}`, scores as unknown as Record<string, unknown>);
  }
  return scalars;
}
