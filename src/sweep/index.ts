/** Sweeps: many ordinary runs over config values and seeds, and the table that compares them. */

export { evaluationOf } from './evaluation-of.ts';
export { GridProgress } from './grid-progress.ts';
export { atLength, performHalving, type Rung, rungEpochs } from './halving.ts';
export { writeHparams } from './hparams.ts';
export { type Command, commandLine, type Job, type Launcher } from './launcher.ts';
export { LocalLauncher, type LocalLauncherOptions } from './local-launcher.ts';
export { sweepMarkdown } from './markdown.ts';
export { logOf, type Outcome, type PerformOptions, performSweep } from './perform.ts';
export { type RunState, runState } from './run-state.ts';
export { sweepJsonSchema } from './schema.ts';
export {
  cancelSweep,
  type JobIdentity,
  performInJob,
  type SlurmOptions,
  type SlurmSweepOptions,
  slurmCalls,
  slurmOptions,
  slurmSweep,
  standings,
  thisJob,
} from './slurm/index.ts';
export { standingOutcomes } from './standing-outcomes.ts';
export { type RunStatus, statusTable, sweepStatus } from './status.ts';
export { commandsLeft, stepsOf, trainCommand } from './steps.ts';
export { type Halving, loadSweep, type Metric, parseSweep, type Sweep, type SweepRun } from './sweep.ts';
export {
  type SweepTable,
  sweepTable,
  type TableDifference,
  type TablePart,
  type TableRow,
  type TableRun,
} from './table.ts';
