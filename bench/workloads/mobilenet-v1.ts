import type { TrainingStepSettings } from '../tasks/training-step.ts';
import type { Workload } from '../workload.ts';

const settings: TrainingStepSettings = {
  objective: 'plain',
  network: 'mobilenet-v1',
  image: [128, 128, 3],
  batch: 16,
  classes: 10,
};

export const mobilenetV1Plain: Workload = {
  name: 'mobilenet-v1-plain',
  about: 'classification step of MobileNet v1, batch 16, 128x128',
  task: 'training-step',
  settings,
  images: settings.batch,
};

export const mobilenetV1Gain: Workload = {
  name: 'mobilenet-v1-gain',
  about: 'GAIN step of MobileNet v1, batch 16, 128x128',
  task: 'training-step',
  settings: { ...settings, objective: 'gain' },
  images: settings.batch,
};
