/**
 * A trained network on a split: localization and faithfulness beside baselines, and the files that come of it.
 *
 * @packageDocumentation
 */

export {
  type Evaluated,
  type EvaluateOptions,
  type EvaluateRequest,
  type EvaluationOptions,
  type EvaluationResult,
  evaluate,
  evaluateSplit,
  evaluationTable,
  type ImageRecord,
  type MeasureName,
  measureNames,
  ResultWriter,
  readEvaluation,
  readImageRecords,
  type SplitMetrics,
  type ThresholdSource,
} from './evaluation/index.ts';
