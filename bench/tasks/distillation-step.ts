import { join } from 'node:path';
import { type DistillationOptions, distillationTerms } from '../../src/gain/index.ts';
import { loadLayersModel } from '../../src/models/index.ts';
import { type NetworkSettings, prepareNetwork, writeNetwork } from './network.ts';
import type { Task } from './task.ts';
import { startStep } from './training-step.ts';

export interface DistillationStepSettings extends NetworkSettings {
  readonly teacher: Pick<NetworkSettings, 'network' | 'options'>;
  /** Beside cross-entropy; none: a step without teacher. Weights are numbers. */
  readonly terms: DistillationOptions;
}

/** A student's step with terms of distillation, the teacher answering live. */
export const distillationStep: Task<DistillationStepSettings> = {
  async prepare(settings, folder) {
    await prepareNetwork(settings, folder);
    await writeNetwork({ ...settings, options: {}, ...settings.teacher }, join(folder, 'teacher'));
  },
  async start(settings, folder) {
    const teacher = await loadLayersModel(join(folder, 'teacher'));
    const terms = distillationTerms(teacher, settings.terms).map((term) => ({
      ...term,
      weight: term.weight as number,
    }));
    return startStep(settings, folder, { weights: { mining: 0, supervision: 0 }, terms });
  },
};
