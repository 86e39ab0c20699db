/** Guided training: the objective, the trainer around it, and whole experiments from a config. */

export type { BatchSource, TrainingExample } from './batch-source.ts';
export { CheckpointStore } from './checkpoint.ts';
export { DirectoryLock, lockHolder } from './directory-lock.ts';
export {
  type DistillationOptions,
  type DistilledMaps,
  distillationTerms,
  type ExplainedClass,
  loadTeacher,
  type TeacherDemands,
} from './distillation/index.ts';
export type { EngineCheck } from './engine-check.ts';
export { type EngineReport, reportEngine } from './engine-report.ts';
export { describeEnvironment } from './environment.ts';
export type { EpochSums } from './epoch-sums.ts';
export {
  classificationLoss,
  type EvaluateOptions,
  evaluateSplit,
  labelPairs,
  regionOf,
  type SplitMetrics,
} from './evaluate.ts';
export { drawBuiltInData, linkOf } from './experiment.ts';
export {
  type GuidanceOptions,
  type GuidedMaps,
  type GuidedTermOptions,
  guidanceTerms,
  type NormalizedTermOptions,
  type PixelTermOptions,
} from './guidance/index.ts';
export { batchToTensors } from './host-batch.ts';
export {
  classesPerImage,
  type ExtraTerm,
  type GainBatch,
  type GainLoss,
  type GainLossOptions,
  gainLoss,
  type HoleFilling,
  holeFilling,
  type Labels,
  type MaskMeaning,
  type MiningGradient,
  type PairBox,
  rasterizeBox,
  removeRegion,
  type StepContext,
  type StreamWeights,
  type SupervisionOptions,
} from './objective/index.ts';
export { Optimizer, type OptimizerSpec } from './optimizers.ts';
export { resultsTable } from './results-table.ts';
export { type RunOptions, type RunSummary, runExperiment } from './run.ts';
export { holdsRun, RunDirectory, requireRun } from './run-directory.ts';
export { requireSameExperiment } from './same-experiment.ts';
export {
  constantRate,
  type LearningRateSchedule,
  learningRateFactor,
  type WeightSchedule,
} from './schedules.ts';
export type { LossTerm, StepReport } from './step-report.ts';
export {
  type BatchPosition,
  type FitDatasetArgs,
  GainTrainer,
  type GainTrainerOptions,
  type ScheduledTerm,
  type TrainingCallbacks,
} from './trainer.ts';
