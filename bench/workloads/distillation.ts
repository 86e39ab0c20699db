import type { DistillationStepSettings } from '../tasks/distillation-step.ts';
import type { Workload } from '../workload.ts';

/** The pair of the Grad-CAM++ paper's CIFAR-10 experiment, at a quarter of its batch. */
const plain: DistillationStepSettings = {
  network: 'wide-resnet',
  options: { depth: 16, width: 2 },
  teacher: { network: 'wide-resnet', options: { depth: 40, width: 2 } },
  image: [32, 32, 3],
  batch: 32,
  classes: 10,
  terms: {},
};

const terms: Record<string, DistillationStepSettings['terms']> = {
  'soft-targets': { softTargets: { weight: 1 } },
  explanation: { maps: { method: 'grad-cam++' }, explanation: { weight: 0.01 } },
  'explanation-grad-cam': { maps: { method: 'grad-cam' }, explanation: { weight: 0.01 } },
  'explanation-detached': {
    maps: { method: 'grad-cam++', differentiateWeights: false },
    explanation: { weight: 0.01 },
  },
  similarity: { maps: { method: 'grad-cam' }, similarity: { weight: 1 } },
  'attention-l1': { maps: { method: 'grad-cam' }, attentionL1: { weight: 1 } },
  'attention-transfer': { attentionTransfer: { weight: 1 } },
  'class-attention': { classAttention: { weight: 1 } },
};

/** What each term of distillation adds to a step of cross-entropy, the teacher's own pass included. */
export const distillation: readonly Workload[] = Object.entries(terms).map(([name, asked]) => ({
  name: `distill-${name}`,
  about: `step with ${name} over plain step of the same engine; WRN-40-2 to WRN-16-2, batch 32`,
  task: 'distillation-step',
  settings: { ...plain, terms: asked },
  baseline: { about: 'without the term', settings: plain },
  images: plain.batch,
  peers: [],
}));
