import { availableParallelism } from 'node:os';
import type { DataPipelineSettings } from '../tasks/data-pipeline.ts';
import type { Workload } from '../workload.ts';

const settings: DataPipelineSettings = {
  images: 1024,
  size: 64,
  batch: 32,
  workers: Math.max(1, availableParallelism() - 1),
};

export const data: Workload = {
  name: 'data',
  about:
    'input pipeline: 1024 images of 64x64 read, decoded, flipped, shuffled, batched; one worker per core but one',
  task: 'data-pipeline',
  settings,
  images: settings.images,
  peers: [],
};
