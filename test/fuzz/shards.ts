import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { DatasetWriter, openDataset, surveyDataset } from '../../src/data/index.ts';
import { damaged, inFolder, put } from './data-inputs.ts';
import { type FuzzTarget, wrong } from './target.ts';

const SHARD = 'train-00000-of-00001.tfrecord';
let shard: Uint8Array;
let info: Uint8Array;
let clean = '';

/** Labels, groups and pixels of a data set in a line. */
async function contentOf(dir: string): Promise<string> {
  const dataset = await openDataset(dir, { cacheBytes: 0 });
  try {
    const { splits } = await surveyDataset(dataset, { workers: 0 });
    const batches: unknown[] = [];
    const options = { batchSize: 2, imageSize: [16, 16] as const, workers: 0 };
    for await (const { labels, groups, images, labelWeights } of dataset.batches('train', options)) {
      const sum = images.reduce((total, value) => total + value, 0);
      if (!Number.isFinite(sum)) wrong('pixels that are no numbers');
      batches.push([...labels, ...(labelWeights ?? []), ...(groups ?? []), sum]);
    }
    return JSON.stringify([splits[0]?.perClass, batches]);
  } finally {
    await dataset.close();
  }
}

/** Damaged shards and `dataset.json`: CRCs find every flipped bit of a record. */
export const shardsTarget: FuzzTarget = {
  name: 'shards',
  describe: 'damaged TFRecord shards and dataset.json: a typed error, or exactly what was written',
  short: 40,
  seconds: 10,
  async start() {
    await inFolder(async (dir) => {
      const writer = await DatasetWriter.create(dir, { name: 'f', classes: ['a', 'b'], multiLabel: true }, [
        'train',
      ]);
      for (let i = 0; i < 4; i++) {
        const encoded = await sharp({
          create: { width: 16, height: 16, channels: 3, background: { r: 60 * i, g: 9, b: 9 } },
        })
          .png()
          .toBuffer();
        const more = i === 3 ? { unknown: [1] } : { group: `g${i % 2}` };
        await writer.write('train', {
          encoded,
          format: 'png',
          width: 16,
          height: 16,
          filename: `${i}`,
          labels: [0],
          objects: [],
          ...more,
        });
      }
      await writer.finish();
      [shard, info] = [readFileSync(join(dir, SHARD)), readFileSync(join(dir, 'dataset.json'))];
      clean = await contentOf(dir);
    });
  },
  async run(random) {
    await inFolder(async (dir) => {
      const ofInfo = random.next() > 0.7;
      put(dir, { 'dataset.json': ofInfo ? damaged(info, random) : info });
      writeFileSync(join(dir, SHARD), ofInfo ? shard : damaged(shard, random));
      const found = await contentOf(dir);
      if (!ofInfo && found !== clean) wrong(`other content: ${found.slice(0, 200)}`);
    });
  },
};
