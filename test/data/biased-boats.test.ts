import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { boats } from '../../src/data/drawn/boats.ts';
import type { Rule } from '../../src/data/drawn/drawn-set.ts';
import { generateBiasedBoats, openDataset } from '../../src/data/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { temporaryFolder } from './temporary-folder.ts';

const BOAT = boats.classes.indexOf('boat');

function scenes(rule: Rule, count: number) {
  return Array.from({ length: count }, (_, i) => boats.draw(64, rule, 11, i));
}

test('in biased scenes there is water exactly where there is a boat', (t) => {
  const all = scenes('biased', 200);
  for (const { ground, labels } of all) t.is(ground === 'water', labels.includes(BOAT));
  const boats = all.filter(({ labels }) => labels.includes(BOAT)).length;
  t.true(boats > 35 && boats < 90, `${boats} of 200 with boats`);
  t.is(new Set(all.flatMap(({ labels }) => labels)).size, 6);
});

test('in the other two splits boat and water come apart', (t) => {
  t.true(
    scenes({ object: true, cue: false }, 60).every(
      ({ ground, labels }) => ground !== 'water' && labels.includes(BOAT),
    ),
  );
  t.true(
    scenes({ object: false, cue: true }, 60).every(
      ({ ground, labels }) => ground === 'water' && !labels.includes(BOAT),
    ),
  );
});

test('every scene has one or two objects; boxes bound the masks, masks do not overlap', (t) => {
  for (const { objects, labels } of scenes('biased', 80)) {
    t.true(objects.length === 1 || objects.length === 2);
    t.deepEqual(labels, [...new Set(objects.map((object) => object.class))].sort());
    const seen = new Uint8Array(64 * 64);
    for (const { mask, area, ...box } of objects) {
      const on = Array.from(mask.keys()).filter((i) => mask[i] === 255);
      t.is(on.length, area);
      t.true(area >= 20);
      const [xs, ys] = [on.map((i) => i % 64), on.map((i) => Math.floor(i / 64))];
      t.deepEqual(
        [box.xmin, box.ymin, box.xmax, box.ymax],
        [Math.min(...xs) / 64, Math.min(...ys) / 64, (Math.max(...xs) + 1) / 64, (Math.max(...ys) + 1) / 64],
      );
      for (const i of on) seen[i]! += 1;
    }
    t.is(Math.max(...seen), 1);
  }
});

test('the same key draws the same scene, another key another', (t) => {
  t.deepEqual(boats.draw(64, 'biased', 1, 'a', 0), boats.draw(64, 'biased', 1, 'a', 0));
  t.notDeepEqual(boats.draw(64, 'biased', 1, 'a', 0).pixels, boats.draw(64, 'biased', 1, 'a', 1).pixels);
});

test('the set is written with its splits, masks but in train, and drawn once', async (t) => {
  const dir = temporaryFolder(t);
  const options = { train: 6, trainFullsup: 3, val: 2, test: 2, unbiased: 2, size: 32 };
  const done: string[] = [];
  const first = await generateBiasedBoats(dir, options, (count, total) => done.push(`${count}/${total}`));
  t.true(first.generated);
  t.deepEqual([done.length, done.at(-1)], [17, '17/17']);
  const dataset = await openDataset(dir);
  t.deepEqual(
    Object.entries(dataset.info.splits).map(([split, { examples }]) => [split, examples]),
    [
      ['train', 6],
      ['train-fullsup', 3],
      ['val', 2],
      ['test', 2],
      ['boat-without-water', 2],
      ['water-without-boat', 2],
    ],
  );
  for (const split of Object.keys(dataset.info.splits)) {
    const { withMasks, withBoxes, examples } = await dataset.labelStatistics(split);
    t.deepEqual([split, withBoxes, withMasks], [split, examples, split === 'train' ? 0 : examples]);
  }
  for await (const batch of dataset.batches('boat-without-water', {
    batchSize: 2,
    imageSize: [32, 32],
    workers: 0,
  })) {
    t.deepEqual([batch.labels[BOAT], batch.labels[6 + BOAT]], [1, 1]);
    t.true(batch.masks.some((mask) => mask.class === BOAT));
  }

  const shard = join(dir, 'train-00000-of-00001.tfrecord');
  const [content, { mtimeMs }] = [readFileSync(shard), statSync(shard)];
  t.false((await generateBiasedBoats(dir, options)).generated);
  t.is(statSync(shard).mtimeMs, mtimeMs);
  t.true((await generateBiasedBoats(dir, { ...options, seed: 2 })).generated);
  t.notDeepEqual(readFileSync(shard), content);
  await generateBiasedBoats(dir, options);
  t.deepEqual(readFileSync(shard), content, 'the same options draw the same bytes');
  t.deepEqual(
    readdirSync(dir).filter((file) => file.endsWith('.partial')),
    [],
  );
});

test('options that do not exist or cannot be', async (t) => {
  const dir = temporaryFolder(t);
  await t.throwsAsync(generateBiasedBoats(dir, { trian: 5 } as object), {
    instanceOf: UsageError,
    message: 'option of biased-boats: Unrecognized key: "trian"',
  });
  await t.throwsAsync(generateBiasedBoats(dir, { val: -1 }), {
    instanceOf: UsageError,
    message: /^option of biased-boats: val: /,
  });
  writeFileSync(join(dir, 'file'), '');
  await t.throwsAsync(generateBiasedBoats(join(dir, 'file'), {}), { message: /file: cannot be written: / });
});
