import { dataPipeline } from './data-pipeline.ts';
import { distillationStep } from './distillation-step.ts';
import { explanationMaps } from './explanation-maps.ts';
import { guidedPixels } from './guided-backpropagation.ts';
import type { Task } from './task.ts';
import { trainingStep } from './training-step.ts';

/** The tasks by name. A task that PyTorch can be given too has a twin in `bench/pytorch/tasks.py`. */
export const tasks = {
  'training-step': trainingStep,
  'distillation-step': distillationStep,
  'explanation-maps': explanationMaps,
  'guided-backpropagation': guidedPixels,
  'data-pipeline': dataPipeline,
} satisfies Record<string, unknown>;

export type TaskName = keyof typeof tasks;

/** A task whose settings come from a workload, which are not checked: they are written beside it. */
export function taskNamed(name: TaskName): Task<object> {
  return tasks[name] as unknown as Task<object>;
}
