import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { openDataset } from '../../src/data/index.ts';
import { batchToTensors } from '../../src/experiment/host-batch.ts';
import { startTestEngine } from '../engine/test-engine.ts';
import { callProgram } from '../programs/call-program.ts';
import { temporaryFolder } from './temporary-folder.ts';

test.before(() => startTestEngine('cpu'));

/** A picture of 8x6 with a rectangle of white on black. */
function picture(left: number, top: number, width: number, height: number) {
  return sharp({ create: { width: 8, height: 6, channels: 3, background: 'black' } })
    .composite([
      {
        input: { create: { width, height, channels: 3, background: 'white' } },
        left,
        top,
      },
    ])
    .png();
}

/** Cats 0 … 2 and dogs 0 … 2; objects of all, confounders of cats 0 and 1, an empty one of cat 2. */
async function scene(dir: string): Promise<string> {
  for (const name of ['cat', 'dog']) {
    for (const part of ['in', 'masks', 'confounders'])
      await mkdir(join(dir, part, name), { recursive: true });
    for (let i = 0; i < 3; i++) {
      await picture(0, 0, 8, 6).toFile(join(dir, 'in', name, `${i}.png`));
      await picture(1, 1, 2, 3).toFile(join(dir, 'masks', name, `${i}.png`));
      if (name === 'cat' && i < 2)
        await picture(5 + i, 4, 2, 2).toFile(join(dir, 'confounders', name, `${i}.png`));
    }
  }
  const nothing = sharp({ create: { width: 8, height: 6, channels: 3, background: 'black' } }).png();
  await nothing.toFile(join(dir, 'confounders', 'cat', '2.png'));
  const { code, stdout, stderr } = await callProgram(
    ...['import', 'folder', '--dir', join(dir, 'in'), '--masks', join(dir, 'masks')],
    ...['--confounders', join(dir, 'confounders'), '--out', join(dir, 'data')],
  );
  if (code !== 0) throw new Error(stderr);
  return stdout;
}

const walk = { batchSize: 6, imageSize: [6, 8], workers: 0 } as const;

/** The extent of what is on: [left, top, right, bottom], inclusive. */
function extent(mask: Float32Array): number[] {
  const on = [...mask.keys()].filter((i) => mask[i] === 1).map((i) => [i % 8, Math.floor(i / 8)]);
  const [xs, ys] = [on.map(([x]) => x!), on.map(([, y]) => y!)];
  return [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
}

test.serial('objects and confounders in one data set, from import to tensors', async (t) => {
  const dir = await temporaryFolder(t);
  t.regex(await scene(dir), /6 boxes, 6 masks, 2 confounders/);
  const dataset = await openDataset(join(dir, 'data'));
  t.teardown(() => dataset.close());
  const { withMasks, withConfounders } = await dataset.labelStatistics('train');
  t.deepEqual([withMasks, withConfounders], [6, 2]);
  for await (const batch of dataset.batches('train', walk)) {
    t.deepEqual(
      batch.confounders!.map(({ sample, mask }) => [sample, ...extent(mask)]),
      [
        [0, 5, 4, 6, 5],
        [1, 6, 4, 7, 5],
      ],
    );
    t.is(batch.masks.length, 6);
    t.deepEqual(extent(batch.masks[0]!.mask), [1, 1, 2, 3], 'the masks of the objects stay apart');

    const objects = batchToTensors(batch, [6, 8], 2, 6);
    const confounders = batchToTensors(batch, [6, 8], 2, 6, 'matters', 'confounders');
    t.deepEqual([objects.marks, confounders.marks], ['matters', 'must-not-matter']);
    t.deepEqual(confounders.maskPairs, [
      { sample: 0, class: 0 },
      { sample: 1, class: 0 },
    ]);
    t.deepEqual(confounders.boxes, []);
    t.is(objects.boxes!.length, 6);
    const [values, sum] = [
      confounders.masks!.dataSync(),
      (confounders.masks!.dataSync() as Float32Array).reduce((a, b) => a + b),
    ];
    t.is(sum, 8, 'two confounders of four pixels');
    t.is(values[4 * 8 + 5], 1);
  }
  // Chosen by what supervises, from the cache the second time, mirrored with the image.
  const chosen = { split: 'train', count: 'all', of: 'confounders' } as const;
  for (const epoch of [0, 1]) {
    let mirrored = 0;
    for await (const batch of dataset.batches('train', {
      ...walk,
      epoch,
      masks: chosen,
      augment: { flip: true },
    })) {
      t.deepEqual([...batch.supervised], [1, 1, 0, 0, 0, 0]);
      t.deepEqual(
        batch.confounders!.map(({ sample }) => sample),
        [0, 1],
      );
      const { flip } = batch.views[0]!;
      mirrored += Number(flip);
      t.deepEqual(extent(batch.confounders![0]!.mask), flip ? [1, 4, 2, 5] : [5, 4, 6, 5]);
    }
    t.true(mirrored <= 1);
  }
  await t.throwsAsync(
    async () => {
      for await (const _ of dataset.batches('train', { ...walk, masks: { ...chosen, count: 3 } })) t.fail();
    },
    { message: /3 masked examples are asked for, the split train has 2/ },
  );
  const shown = await callProgram('data', join(dir, 'data'));
  t.regex(shown.stdout, /6 masks in 6.*, confounders in 2/);
});

test.serial('an import of its records keeps them', async (t) => {
  const dir = await temporaryFolder(t);
  await scene(dir);
  const { code, stdout, stderr } = await callProgram(
    ...[
      'import',
      'tfrecord',
      '--dir',
      join(dir, 'data'),
      '--classes',
      'cat,dog',
      '--out',
      join(dir, 'again'),
    ],
  );
  t.is(code, 0, stderr);
  t.regex(stdout, /2 confounders/);
});
