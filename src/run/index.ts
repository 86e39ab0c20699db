/** A run on disk: its directory, who holds it, and what it was made on. */

export { type BlackBox, openNetworkOrBlackBox } from './black-box.ts';
export { CheckpointFiles } from './checkpoint-files.ts';
export { findClasses, readClassNames } from './class-names.ts';
export { type BoxForm, boxForms, type Detector, type DetectorOptions, openDetector } from './detector.ts';
export { DirectoryLock, lockHolder } from './directory-lock.ts';
export { describeEnvironment } from './environment.ts';
export { type FoundNetwork, findNetwork } from './find-network.ts';
export { isBlackBox } from './is-black-box.ts';
export { epochFolder, type KeptEpoch, keptEpochs } from './kept-epochs.ts';
export { linkOfRun } from './network-facts.ts';
export {
  fileOfNetwork,
  type NetworkOverrides,
  type NetworkSource,
  networkSource,
  type WhichWeights,
} from './network-source.ts';
export { holdsRun, RunDirectory, requireRun } from './run-directory.ts';
export { requireSameExperiment } from './same-experiment.ts';
export { doubtByImages } from './scaling-doubt.ts';
export { loadTeacher, type TeacherDemands } from './teacher.ts';
export {
  loadNetwork,
  type NetworkKinds,
  openTrainedNetwork,
  type TrainedNetwork,
} from './trained-network.ts';
