/** Guided training, the method: the objective, its further terms, and the trainer around them. */

export type { BatchSource, TrainingExample } from './batch-source.ts';
export {
  type DistillationOptions,
  type DistilledMaps,
  distillationTerms,
  type ExplainedClass,
  type TeacherAnswers,
  type TeacherView,
  type WeightedPairs,
} from './distillation/index.ts';
export type { EpochSums } from './epoch-sums.ts';
export {
  type GuidanceOptions,
  type GuidedMaps,
  type GuidedTermOptions,
  guidanceTerms,
  maskless,
  mostAttended,
  type NormalizedTermOptions,
  type PixelTermOptions,
  type RobustTermOptions,
  type SignedTermOptions,
} from './guidance/index.ts';
export type { History } from './history.ts';
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
  removeRegion,
  type SampleOrigin,
  type SampleView,
  type StepContext,
  type StreamWeights,
  type SupervisionOptions,
} from './objective/index.ts';
export { Optimizer, type OptimizerSpec, type StateTensor } from './optimizers.ts';
export {
  headFeatures,
  type LinearLayer,
  logisticRegression,
  type RefitOptions,
  type RegressionData,
  refitLastLayer,
} from './refit/index.ts';
export {
  constantRate,
  type LearningRateSchedule,
  learningRateFactor,
  type WeightSchedule,
} from './schedules.ts';
export type { LossTerm, StepReport } from './step-report.ts';
export { GainTrainer } from './trainer.ts';
export type {
  BatchPosition,
  FitDatasetArgs,
  GainTrainerOptions,
  ScheduledTerm,
  TrainingCallbacks,
} from './trainer-options.ts';
