/** A training from a config: engine, data, network, teacher, evaluation, checkpoints and log around the trainer. */

export { CheckpointStore } from './checkpoint.ts';
export { drawBuiltInData } from './data-from-config.ts';
export {
  type Heatmap,
  type HeatmapCallback,
  type HeatmapOptions,
  heatmapCallback,
} from './heatmap-callback.ts';
export { batchToTensors } from './host-batch.ts';
export type { ModuleContext, TrainingModule, TransformContext } from './own-module.ts';
export { type RefitResult, refitRun } from './refit-run.ts';
export { beforeAfterTable, resultsTable } from './results-table.ts';
export { type RunOptions, runExperiment } from './run-experiment.ts';
export { runStages, type StageSummary } from './run-stages.ts';
export type { RunSummary } from './run-summary.ts';
