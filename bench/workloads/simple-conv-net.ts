import type { TrainingStepSettings } from '../tasks/training-step.ts';
import type { Workload } from '../workload.ts';

const settings: TrainingStepSettings = {
  objective: 'plain',
  network: 'simple-conv-net',
  image: [28, 28, 1],
  batch: 256,
  classes: 10,
  targetLayer: 'conv2',
};

export const simpleConvNetPlain: Workload = {
  name: 'simple-conv-net-plain',
  about: 'classification step of SimpleConvNet, batch 256, 28x28',
  task: 'training-step',
  settings,
  images: settings.batch,
};

export const simpleConvNetGain: Workload = {
  name: 'simple-conv-net-gain',
  about: 'GAIN step of SimpleConvNet, batch 256, 28x28',
  task: 'training-step',
  settings: { ...settings, objective: 'gain' },
  images: settings.batch,
};

/** To see in a few seconds whether everything works. */
export const smoke: Workload = {
  name: 'smoke',
  about: 'GAIN step of SimpleConvNet, batch 4: says nothing about speed, only whether everything works',
  task: 'training-step',
  settings: { ...settings, objective: 'gain', batch: 4 },
  images: 4,
  onlyByName: true,
};
