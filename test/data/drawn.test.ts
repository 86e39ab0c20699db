import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import type { DrawnSet, Rule, Shown } from '../../src/data/drawn/drawn-set.ts';
import { letterbox } from '../../src/data/drawn/letterbox.ts';
import type { Scene } from '../../src/data/drawn/scene.ts';
import { tanks } from '../../src/data/drawn/tanks.ts';
import { generateDrawn, openDataset } from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { temporaryFolder } from './temporary-folder.ts';

const size = 64;
const kinds: readonly Shown[] = [
  { object: true, cue: true },
  { object: true, cue: false },
  { object: false, cue: true },
  { object: false, cue: false },
];

function scenes(set: DrawnSet, rule: Rule, count: number): Scene[] {
  return Array.from({ length: count }, (_, i) => set.draw(size, rule, 5, i));
}

/** Mean over the picture of how far its colours are from grey, 0 to 255. */
function saturation({ pixels }: Scene): number {
  let sum = 0;
  for (let p = 0; p < pixels.length; p += 3) {
    const rgb = [...pixels.subarray(p, p + 3)];
    sum += Math.max(...rgb) - Math.min(...rgb);
  }
  return sum / (size * size);
}

const dark = ({ pixels }: Scene, row: number) =>
  pixels.subarray(row * size * 3, (row + 1) * size * 3).every((value) => value < 10);

test('object and cue: in all four kinds of pictures, and together in biased ones', (t) => {
  for (const [set, words] of [
    [tanks, ['cloud', 'sun']],
    [letterbox, ['bars', 'open']],
  ] as const) {
    for (const rule of kinds) {
      for (const { labels, tag } of scenes(set, rule, 15)) {
        t.is(labels.includes(0), rule.object);
        t.is(tag, words[rule.cue ? 0 : 1]);
      }
    }
    const biased = scenes(set, 'biased', 80);
    t.true(biased.every(({ labels, tag }) => labels.includes(0) === (tag === words[0])));
    const positives = biased.filter(({ labels }) => labels.includes(0)).length;
    t.true(positives > 10 && positives < 45, `${positives} of 80`);
    t.true(biased.every(({ labels }) => set.multiLabel || labels.length === 1));
    // Without the shortcut each kind is there: at a share of .3 each, object and cue 9 %, neither 49 %.
    const free = scenes(set, 'independent', 80);
    for (const object of [true, false]) {
      for (const word of words) {
        const some = free.filter(({ labels, tag }) => labels.includes(0) === object && tag === word);
        t.true(some.length >= 1, `${set.name} ${object} ${word}`);
      }
    }
  }
});

test('the weather lies over the whole picture, tank or not', (t) => {
  const mean = (rule: Rule) => scenes(tanks, rule, 25).reduce((sum, one) => sum + saturation(one), 0) / 25;
  for (const object of [true, false]) {
    t.true(mean({ object, cue: false }) > 2 * mean({ object, cue: true }));
  }
});

test('bars are black rows above and below, hide little of an object, and leave its place alone', (t) => {
  for (const { cue, ...rest } of kinds) {
    for (const scene of scenes(letterbox, { cue, ...rest }, 15)) {
      t.deepEqual([dark(scene, 0), dark(scene, size - 1)], [cue, cue]);
      t.false(dark(scene, size / 2));
      for (const { mask, ymin, ymax } of scene.objects) {
        // No object in rows that every bar hides, with bars or without: they are at least 8 % high.
        t.true(ymin * size >= 5 && ymax * size <= size - 5);
        t.true(mask.some((value) => value > 0));
      }
    }
  }
});

test('a drawn set has splits, masks, and counterexamples in four groups', async (t) => {
  const dir = join(temporaryFolder(t), 'tanks');
  const options = {
    size: 32,
    train: 3,
    trainFullsup: 2,
    val: 2,
    test: 2,
    unbiased: 2,
    counterexamples: 8,
  };
  const { info } = await generateDrawn('tanks', dir, options);
  t.deepEqual(
    Object.entries(info.splits).map(([split, { examples }]) => `${split} ${examples}`),
    [
      'train 3',
      'train-fullsup 2',
      'val 2',
      'test 2',
      'tank-in-sun 2',
      'cloud-without-tank 2',
      'counterexamples 8',
    ],
  );
  const data = await openDataset(dir);
  const { groups } = await data.labelStatistics('counterexamples');
  t.deepEqual(
    groups.map(({ group, examples, perClass }) => [group, examples, perClass[0]]),
    [
      ['no tank, cloud', 2, 0],
      ['no tank, sun', 2, 0],
      ['tank, cloud', 2, 2],
      ['tank, sun', 2, 2],
    ],
  );
  t.is((await data.labelStatistics('counterexamples')).withMasks, 8);
  t.is((await data.labelStatistics('train')).withMasks, 0);
  await data.close();
  t.false((await generateDrawn('tanks', dir, options)).generated);
  t.true((await generateDrawn('tanks', dir, { ...options, shortcut: false })).generated);
  await t.throwsAsync(generateDrawn('letterbox', dir, options), {
    instanceOf: DataError,
    message: /tanks: holds another data set \(tanks\); letterbox needs a folder of its own, and/,
  });
  await t.throwsAsync(generateDrawn('biased-boats', join(dir, 'x'), options), {
    instanceOf: UsageError,
    message: 'option of biased-boats: Unrecognized key: "counterexamples"',
  });
  const own = join(dir, 'own');
  mkdirSync(own);
  writeFileSync(
    join(own, 'dataset.json'),
    JSON.stringify({ name: 'mine', classes: ['a'], multiLabel: true, splits: {} }),
  );
  await t.throwsAsync(generateDrawn('biased-boats', own), { message: /holds another data set \(mine\)/ });
});
