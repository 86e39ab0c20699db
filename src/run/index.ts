/** A run on disk: its directory, who holds it, and what it was made on. */

export { CheckpointFiles } from './checkpoint-files.ts';
export { findClasses, readClassNames } from './class-names.ts';
export { DirectoryLock, lockHolder } from './directory-lock.ts';
export { describeEnvironment } from './environment.ts';
export { holdsRun, RunDirectory, requireRun } from './run-directory.ts';
export { requireSameExperiment } from './same-experiment.ts';
export { loadTeacher, type TeacherDemands } from './teacher.ts';
export {
  type FoundNetwork,
  findNetwork,
  linkOfRun,
  loadNetwork,
  type NetworkOverrides,
  type NetworkSource,
  networkSource,
  openTrainedNetwork,
  type TrainedNetwork,
  type WhichWeights,
} from './trained-network.ts';
