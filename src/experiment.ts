/**
 * A training from a config file, as `npm run train` does it.
 *
 * @packageDocumentation
 */

export {
  type Config,
  configJsonSchema,
  configSchema,
  findConfig,
  loadConfig,
  parseConfig,
  stringifyConfig,
} from './config/index.ts';
export {
  type ModuleContext,
  type RunOptions,
  type RunSummary,
  resultsTable,
  runExperiment,
  type TrainingModule,
  type TransformContext,
} from './experiment/index.ts';
export {
  loadTeacher,
  RunDirectory,
  type TeacherDemands,
} from './run/index.ts';
