/** Sweeps: many ordinary runs over config values and seeds, and the table that compares them. */

export { GridProgress } from './grid-progress.ts';
export { writeHparams } from './hparams.ts';
export { type Command, commandLine, type Job, type Launcher } from './launcher.ts';
export { LocalLauncher, type LocalLauncherOptions } from './local-launcher.ts';
export { sweepMarkdown } from './markdown.ts';
export { logOf, type Outcome, type PerformOptions, performSweep } from './perform.ts';
export { type RunState, runState } from './run-state.ts';
export { sweepJsonSchema } from './schema.ts';
export { commandsLeft, stepsOf, trainCommand } from './steps.ts';
export { loadSweep, type Metric, parseSweep, type Sweep, type SweepRun } from './sweep.ts';
export {
  type SweepTable,
  sweepTable,
  type TableDifference,
  type TablePart,
  type TableRow,
  type TableRun,
} from './table.ts';
