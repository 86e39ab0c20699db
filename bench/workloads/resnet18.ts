import type { NetworkSettings } from '../tasks/network.ts';
import type { TrainingStepSettings } from '../tasks/training-step.ts';
import type { Workload } from '../workload.ts';

const settings: TrainingStepSettings = {
  objective: 'gain',
  network: 'resnet18',
  image: [128, 128, 3],
  batch: 16,
  classes: 10,
};

export const resnet18Gain: Workload = {
  name: 'resnet18-gain',
  about: 'GAIN step of ResNet-18, batch 16, 128x128',
  task: 'training-step',
  settings,
  images: settings.batch,
};

export const firstStep: Workload = {
  name: 'first-step',
  about: 'first GAIN step of ResNet-18 in a new process, compilation included, batch 16, 128x128',
  task: 'training-step',
  settings,
  images: settings.batch,
  fresh: true,
};

const large: NetworkSettings = { network: 'resnet18', image: [224, 224, 3], batch: 16, classes: 10 };

export const mapsResnet18: Workload = {
  name: 'maps-resnet18',
  about: 'forward pass, Grad-CAM and upsampling of ResNet-18, batch 16, 224x224',
  task: 'explanation-maps',
  settings: large,
  images: large.batch,
};

export const mapsPlusPlusResnet18: Workload = {
  ...mapsResnet18,
  name: 'maps-plus-plus-resnet18',
  about: 'forward pass, Grad-CAM++ and upsampling of ResNet-18, batch 16, 224x224',
  settings: { ...large, method: 'grad-cam++' },
};

export const guidedResnet18: Workload = {
  name: 'guided-resnet18',
  about: 'forward pass and guided backpropagation to the pixels of ResNet-18, batch 16, 224x224',
  task: 'guided-backpropagation',
  settings: large,
  images: large.batch,
};
