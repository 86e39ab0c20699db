import { join } from 'node:path';
import { generateBiasedBoats, openDataset } from '../../src/data/index.ts';
import type { Task } from './task.ts';

export interface DataPipelineSettings {
  /** Images of one pass. */
  readonly images: number;
  /** Width and height. */
  readonly size: number;
  readonly batch: number;
  readonly workers: number;
}

/**
 * A pass over a data set of the built-in kind: read records, decode, augment, shuffle, batch. What it gives is
 * the number of images. Decoded images are not kept from one pass to the next.
 */
export const dataPipeline: Task<DataPipelineSettings> = {
  async prepare({ images, size }, folder) {
    const others = { trainFullsup: 1, val: 1, test: 1, unbiased: 1 };
    await generateBiasedBoats(join(folder, 'data'), { seed: 1, size, train: images, ...others });
  },
  async start({ size, batch, workers }, folder) {
    const dataset = await openDataset(join(folder, 'data'), { cacheBytes: 0 });
    let epoch = 0;
    return async () => {
      let count = 0;
      const batches = dataset.batches('train', {
        batchSize: batch,
        imageSize: [size, size],
        seed: 1,
        epoch: epoch++,
        shuffle: true,
        augment: { flip: true },
        workers,
      });
      for await (const { size: samples } of batches) count += samples;
      return count;
    };
  },
};
