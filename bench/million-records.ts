// Memory and pace of the input pipeline over a million records: a data set of small images is written to a temporary
// folder, opened and counted, and walked over in a shuffled order.
//
//     node --import=./.ci/typescript.mjs bench/million-records.ts [--records 1000000] [--walk 100000] [--size 8] [--workers 1]
//
// Prints the resident memory after each part and along the walk. An index of eight bytes a record and an order of four
// are all that may grow with the data.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import yargs from 'yargs';
import { hideBin } from 'yargs/helpers';
import { DatasetWriter, openDataset } from '../src/data/index.ts';
import { runProgram } from '../src/programs/program.ts';

await runProgram(async () => {
  const { records, walk, size, workers, cache } = await yargs(hideBin(process.argv))
    .usage('$0 [options]\n\nMemory and pace of the input pipeline over many records.')
    .options({
      records: { type: 'number', default: 1_000_000, describe: 'Records of the data set' },
      walk: { type: 'number', default: 100_000, describe: 'Images that are read in a shuffled order' },
      size: { type: 'number', default: 8, describe: 'Width and height of an image' },
      workers: { type: 'number', default: 1, describe: 'Threads that decode' },
      cache: { type: 'number', default: 256, describe: 'MiB of decoded images that are kept' },
    })
    .strict()
    .parse();
  const folder = await mkdtemp(join(tmpdir(), 'bench-records-'));
  let before = performance.now();
  const say = (what: string, images = 0) => {
    const seconds = (performance.now() - before) / 1000;
    const memory = `${(process.memoryUsage().rss / 2 ** 20).toFixed(0)} MiB`;
    const pace = images > 0 ? `, ${(images / seconds).toFixed(0)} images/s` : '';
    process.stdout.write(`${what.padEnd(28)} ${memory}, ${seconds.toFixed(1)} s${pace}\n`);
    before = performance.now();
  };
  try {
    say('begin');
    await write(folder, records, size);
    say(`${records} records written`);
    const dataset = await openDataset(folder, { cacheBytes: cache * 2 ** 20 });
    const { perClass } = await dataset.labelStatistics('train');
    say(`counted, ${perClass.length} classes`);
    let walked = 0;
    let told = 0;
    for await (const batch of dataset.batches('train', {
      batchSize: 64,
      imageSize: [size, size],
      seed: 1,
      shuffle: true,
      augment: { flip: true },
      workers,
    })) {
      walked += batch.size;
      if (walked - told >= walk / 5) {
        say(`${walked} images walked`, walked - told);
        told = walked;
      }
      if (walked >= walk) break;
    }
    await dataset.close();
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function write(folder: string, records: number, size: number): Promise<void> {
  const classes = ['dark', 'bright'];
  const images = await Promise.all(
    classes.map((_, label) => {
      const bytes = Uint8Array.from({ length: size * size * 3 }, (_, i) => label * 128 + ((i * 7) % 100));
      return sharp(bytes, { raw: { width: size, height: size, channels: 3 } })
        .png()
        .toBuffer();
    }),
  );
  const info = { name: 'records', classes, multiLabel: false };
  const writer = await DatasetWriter.create(folder, info, ['train']);
  for (let i = 0; i < records; i++) {
    const label = i % classes.length;
    await writer.write('train', {
      encoded: images[label]!,
      format: 'png',
      filename: `${i}.png`,
      width: size,
      height: size,
      labels: [label],
      objects: [],
    });
  }
  await writer.finish();
}
