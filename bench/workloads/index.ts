import type { Workload } from '../workload.ts';
import { data } from './data.ts';
import { distillation } from './distillation.ts';
import { gainOverPlain } from './gain-over-plain.ts';
import { gainStep } from './gain-step.ts';
import { mobilenetV1Gain, mobilenetV1Plain } from './mobilenet-v1.ts';
import { firstStep, guidedResnet18, mapsPlusPlusResnet18, mapsResnet18, resnet18Gain } from './resnet18.ts';
import { simpleConvNetGain, simpleConvNetPlain, smoke } from './simple-conv-net.ts';

/** Everything that can be measured, in the order in which it is. A new workload is a file and a line here. */
export const workloads: readonly Workload[] = [
  gainStep,
  simpleConvNetPlain,
  simpleConvNetGain,
  resnet18Gain,
  mobilenetV1Plain,
  mobilenetV1Gain,
  mapsResnet18,
  mapsPlusPlusResnet18,
  guidedResnet18,
  gainOverPlain,
  ...distillation,
  firstStep,
  data,
  smoke,
];
