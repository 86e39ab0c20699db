/** Evaluation of a trained network on a split: localization, faithfulness, sanity; and the files that hold it. */
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
} from './result.ts';
export { evaluationFormat, evaluationVersion } from './result.ts';
