// What the measures of an evaluation cost beside its maps: four methods on 300 images of a small network, with the
// localization measures and without any, by turns in one process.
//
//     node --import=./.ci/typescript.mjs bench/evaluation.ts [--rounds 7] [--images 300] [--threads 2] [--method …]
//
// Prints the medians of wall time and processor time of a split, and their ratio to the maps alone.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { generateBiasedBoats } from '../src/data/index.ts';
import { startEngine } from '../src/engine/index.ts';
import { evaluate, type MeasureName, ResultWriter } from '../src/evaluation/index.ts';
import { buildModel, saveLayersModel } from '../src/models/index.ts';
import { runProgram } from '../src/programs/program.ts';
import { median } from './statistics.ts';

interface Cost {
  readonly wall: number;
  readonly processor: number;
}

await runProgram(async () => {
  const { rounds, images, threads, method } = await yargs(hideBin(process.argv))
    .usage('$0 [options]\n\nWhat the measures of an evaluation cost beside its maps.')
    .options({
      rounds: { type: 'number', default: 7, describe: 'Evaluations with measures, and as many without' },
      images: { type: 'number', default: 300, describe: 'Images of 64x64' },
      threads: { type: 'number', default: 2, describe: 'Threads of the engine' },
      method: {
        type: 'string',
        array: true,
        default: ['grad-cam', 'grad-cam++', 'layer-cam', 'x-grad-cam'],
        describe: 'Methods whose maps are measured',
      },
    })
    .strict()
    .parse();
  const folder = await mkdtemp(join(tmpdir(), 'bench-evaluation-'));
  try {
    const { reason } = await startEngine({ engine: 'onnx', threads });
    const data = join(folder, 'data');
    await generateBiasedBoats(data, { train: 1, trainFullsup: 1, val: 1, test: images, unbiased: 1 });
    const widths = [16, 32, 64, 64];
    const network = buildModel('small-cnn', { inputShape: [64, 64, 3], classes: 6, seed: 1, widths });
    const source = { model: join(folder, 'model') };
    await saveLayersModel(network, source.model);
    const run = async (measures: readonly MeasureName[]): Promise<Cost> => {
      const [before, began] = [process.cpuUsage(), performance.now()];
      await evaluate({
        source,
        data,
        splits: ['test'],
        engine: 'onnx',
        options: {
          methods: method,
          measures,
          threshold: { value: 0.5 },
          tolerance: 15,
          replicates: 1000,
          seed: 0,
          faithfulnessLimit: 0,
          sanityLimit: 0,
        },
        writerFor: () => new ResultWriter(folder, 'test'),
        log: () => {},
      });
      const { user, system } = process.cpuUsage(before);
      return { processor: (user + system) / 1e6, wall: (performance.now() - began) / 1000 };
    };
    const variants: readonly (readonly [string, readonly MeasureName[]])[] = [
      ['maps alone', []],
      ['maps and measures', ['localization']],
    ];
    const costs = variants.map((): Cost[] => []);
    for (let round = -1; round < rounds; round++) {
      for (const [i, [, measures]] of variants.entries()) {
        const cost = await run(measures);
        // In the first round programs are compiled.
        if (round >= 0) costs[i]!.push(cost);
      }
    }
    process.stdout.write(`${reason}; ${rounds} rounds, ${images} images, ${method.join(', ')}\n`);
    for (const [i, [name]] of variants.entries()) {
      const cell = (what: keyof Cost) => {
        const [own, maps] = [costs[i]!, costs[0]!].map((list) => median(list.map((cost) => cost[what])));
        return `${what} ${own!.toFixed(2)} s (${(own! / maps!).toFixed(2)})`;
      };
      process.stdout.write(`${name.padEnd(20)} ${cell('wall')}, ${cell('processor')}\n`);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
