// What composites cost: a step of training with cached composites beside a plain one, and one whose composites are made
// anew. One process, one data worker; the variants take turns, so that a busy machine is busy for
// all of them.
//
//     node --import=./.ci/typescript.mjs bench/composites.ts [--rounds 5] [--steps 30] [--size 64]
//
// Prints processor time (all threads) and wall time of a step: the median of the rounds, and their ratio to the plain step.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import {
  type BatchOptions,
  type CompositeOptions,
  generateBiasedBoats,
  openDataset,
} from '../src/data/index.ts';
import { startEngine } from '../src/engine/index.ts';
import { batchToTensors } from '../src/experiment/index.ts';
import { GainTrainer } from '../src/gain/index.ts';
import { buildModel } from '../src/models/index.ts';
import { runProgram } from '../src/programs/program.ts';
import { median } from './statistics.ts';

const batchSize = 16;

interface Cost {
  readonly cpu: number;
  readonly wall: number;
}

await runProgram(async () => {
  const { rounds, steps, size, threads } = await yargs(hideBin(process.argv))
    .usage("$0 [options]\n\nWhat composites cost: a step of the main job's network with and without them.")
    .options({
      rounds: { type: 'number', default: 5, describe: 'Passes of each variant' },
      steps: { type: 'number', default: 30, describe: 'Steps of a pass' },
      size: { type: 'number', default: 64, describe: 'Width and height of the images' },
      threads: { type: 'number', default: 1, describe: 'Threads of the engine' },
    })
    .strict()
    .parse();
  const folder = await mkdtemp(join(tmpdir(), 'bench-composites-'));
  try {
    const { reason } = await startEngine({ engine: 'onnx', threads });
    const train = batchSize * steps;
    await generateBiasedBoats(folder, { size, train, trainFullsup: 60, val: 1, test: 1, unbiased: 1 });
    const dataset = await openDataset(folder);
    const model = buildModel('small-cnn', {
      inputShape: [size, size, 3],
      classes: 6,
      seed: 1,
      widths: [16, 32, 64, 64],
    });
    const trainer = new GainTrainer(model, {
      weights: { mining: 0, supervision: 0 },
      optimizer: { name: 'adamw', learningRate: 0.003 },
    });
    const masks = { split: 'train-fullsup', count: 'all' } as const;
    const base: BatchOptions = {
      batchSize,
      imageSize: [size, size],
      seed: 1,
      shuffle: true,
      dropRemainder: true,
      augment: { flip: true },
      workers: 1,
      masks: 'none',
      withMasks: false,
    };
    const composites: CompositeOptions = { suspects: [0], perBatch: 12 };
    const variants: readonly { readonly name: string; readonly options: BatchOptions }[] = [
      { name: 'plain', options: base },
      { name: 'composites, cached', options: { ...base, masks, composites: { ...composites, cache: 200 } } },
      { name: 'composites, made anew', options: { ...base, masks, composites } },
    ];
    let epoch = 0;
    const run = async (options: BatchOptions): Promise<Cost> => {
      const [before, began] = [process.cpuUsage(), performance.now()];
      let done = 0;
      for await (const batch of dataset.batches('train', { ...options, epoch: epoch++ })) {
        const tensors = batchToTensors(batch, [size, size], 6, 0);
        trainer.trainOnBatch(tensors, { epoch: 0, epochs: 1, batchLength: 1 / steps });
        tf.dispose(tensors as unknown as tf.TensorContainer);
        done++;
      }
      const { user, system } = process.cpuUsage(before);
      return { cpu: (user + system) / 1000 / done, wall: (performance.now() - began) / done };
    };
    // Compiled, decoded, and the cache full: 12 · steps draws of 200 leave one in a million out after two passes of 60.
    for (const { options } of variants) await run(options);
    for (let pass = 0; pass < Math.ceil(60 / steps) + 1; pass++) await run(variants[1]!.options);
    const costs = variants.map((): Cost[] => []);
    for (let round = 0; round < rounds; round++) {
      for (const [i, { options }] of variants.entries()) costs[i]!.push(await run(options));
    }
    const of = (i: number, what: keyof Cost) => median(costs[i]!.map((cost) => cost[what]));
    process.stdout.write(
      `${reason}; ${rounds} rounds of ${steps} steps of ${batchSize} images of ${size}x${size}\n`,
    );
    for (const [i, { name }] of variants.entries()) {
      const cell = (what: keyof Cost) =>
        `${of(i, what).toFixed(1)} ms (${(of(i, what) / of(0, what)).toFixed(2)})`;
      process.stdout.write(`${name.padEnd(22)} processor ${cell('cpu')}, wall ${cell('wall')}\n`);
    }
    await dataset.close();
    trainer.dispose();
  } finally {
    await rm(folder, { recursive: true });
  }
});
