/** Guided training: the objective, the trainer around it, and whole experiments from a config. */

export type { BatchSource, TrainingExample } from './batch-source.ts';
export type { EpochSums } from './epoch-sums.ts';
export { type EvaluateOptions, evaluateSplit, type SplitMetrics } from './evaluate.ts';
export { batchToTensors } from './host-batch.ts';
export {
  classesPerImage,
  type GainBatch,
  type GainLoss,
  type GainLossOptions,
  gainLoss,
  type HoleFilling,
  holeFilling,
  type Labels,
  type MiningGradient,
  type PairBox,
  rasterizeBox,
  removeRegion,
  type StreamWeights,
  type SupervisionOptions,
} from './objective/index.ts';
export { Optimizer, type OptimizerSpec } from './optimizers.ts';
export { resultsTable } from './results-table.ts';
export { type RunOptions, type RunSummary, runExperiment } from './run.ts';
export { RunDirectory, requireRun } from './run-directory.ts';
export { requireSameExperiment } from './same-experiment.ts';
export { constantRate, type LearningRateSchedule, type WeightSchedule } from './schedules.ts';
export type { LossTerm, StepReport } from './step-report.ts';
export {
  type BatchPosition,
  type FitDatasetArgs,
  GainTrainer,
  type GainTrainerOptions,
  type TrainingCallbacks,
} from './trainer.ts';
