import type { Workload } from '../workload.ts';
import { settings } from './gain-step.ts';

/** What guidance costs: two streams alone are 2.0. */
export const gainOverPlain: Workload = {
  name: 'gain-over-plain',
  about: "GAIN step over classification step of the same engine; gain-step's network and batch",
  task: 'training-step',
  settings,
  baseline: { about: 'classification step', settings: { ...settings, objective: 'plain' } },
  images: settings.batch,
};
