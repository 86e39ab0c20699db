/**
 * A trained network on a split: localization and faithfulness beside baselines, and the files that come of it.
 *
 * @packageDocumentation
 */

export {
  type Evaluated,
  type EvaluateRequest,
  type EvaluationOptions,
  type EvaluationResult,
  evaluate,
  evaluationTable,
  type ImageRecord,
  type MeasureName,
  measureNames,
  ResultWriter,
  readEvaluation,
  readImageRecords,
  type ThresholdSource,
} from './evaluation/index.ts';
export {
  type EvaluateOptions,
  evaluateSplit,
  type SplitMetrics,
} from './experiment/index.ts';
