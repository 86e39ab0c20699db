import type { TrainingStepSettings } from '../tasks/training-step.ts';
import type { Workload } from '../workload.ts';

/** Four convolutions (32, 64, 128, 128), three poolings, global average pooling, one dense layer. */
export const settings: TrainingStepSettings = {
  objective: 'gain',
  network: 'small-cnn',
  image: [64, 64, 3],
  batch: 32,
  classes: 10,
};

export const gainStep: Workload = {
  name: 'gain-step',
  about: 'GAIN step of a network of four convolutions, batch 32, 64x64',
  task: 'training-step',
  settings,
  images: settings.batch,
};
