/** Evaluation of a trained network on a split: localization, faithfulness, sanity; and the files that hold it. */
export { compareWithTeacher, type TeacherComparison } from './compare-with-teacher.ts';
export { type Evaluated, evaluate } from './evaluate.ts';
export { eventScalars } from './event-scalars.ts';
export {
  type EvaluationOptions,
  type MeasureName,
  measureNames,
  type ThresholdSource,
} from './options.ts';
export type {
  ClassificationScores,
  EvaluationResult,
  EvaluationSettings,
  FaithfulnessResult,
  FaithfulnessScores,
  ImageRecord,
  LocalizationCurves,
  LocalizationResult,
  LocalizationScores,
  MapThumbnail,
  MaybeMeasured,
  Measured,
  PairMeasures,
  PairRecord,
  SanityResult,
  TeacherResult,
  WrongReasonScores,
  WrongReasonsResult,
} from './result.ts';
export { evaluationFormat, evaluationVersion } from './result.ts';
export { ResultWriter, readEvaluation, readImageRecords } from './result-files.ts';
export { evaluationTable } from './results-table.ts';
export type { EvaluateRequest } from './setting.ts';
export {
  type CompositeScores,
  type EvaluateOptions,
  evaluateSplit,
  type SplitMetrics,
} from './split-metrics.ts';
