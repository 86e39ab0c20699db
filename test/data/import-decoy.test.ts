import { join } from 'node:path';
import test from 'ava';
import {
  decodeExample,
  findDecoy,
  findIdx,
  type HostBatch,
  importExamples,
  readRecords,
} from '../../src/data/index.ts';
import { DataError } from '../../src/errors/index.ts';
import { idx } from './idx-file.ts';
import { drawn, files, firstBatch } from './import-files.ts';

const SIDE = 16;
const PIXELS = SIDE * SIDE;

/** Images of 16x16 with labels 0, 1, 2, 0, …, a bar in the middle: upright, 4 wide, 12 high; of grey 100. */
function bars(count: number): { images: Buffer; labels: Buffer } {
  const pixels = Array.from({ length: count * PIXELS }, (_, i) => {
    const [x, y] = [i % SIDE, Math.floor((i % PIXELS) / SIDE)];
    return x >= 6 && x < 10 && y >= 2 && y < 16 ? 100 : 0;
  });
  return {
    images: idx([count, SIDE, SIDE], pixels),
    labels: idx(
      [count],
      Array.from({ length: count }, (_, i) => i % 3),
    ),
  };
}

const [train, test_] = [bars(30), bars(24)];
const CONTENT = {
  'train-images-idx3-ubyte': train.images,
  'train-labels-idx1-ubyte': train.labels,
  't10k-images-idx3-ubyte': test_.images,
  't10k-labels-idx1-ubyte': test_.labels,
};

/** Greys and mask of each image, with its label. */
function looked({ size, images, labels, masks }: HostBatch) {
  return Array.from({ length: size }, (_, sample) => {
    const greys = Array.from(images.subarray(sample * PIXELS * 3, (sample + 1) * PIXELS * 3))
      .filter((_, i) => i % 3 === 0)
      .map((value) => Math.round(value * 255));
    const label = labels.subarray(sample * 3, sample * 3 + 3).indexOf(1);
    const mask = masks.find((one) => one.sample === sample);
    return { greys, label, mask, on: mask ? [...mask.mask.keys()].filter((i) => mask.mask[i]) : [] };
  });
}

const place = (i: number) => [i % SIDE, Math.floor(i / SIDE)] as const;

test('decoy: in training the grey of the patch is the label, in the test it is any; the mask is the patch', async (t) => {
  const dir = files(t, CONTENT);
  const out = join(dir, 'out');
  const { info, masks } = await importExamples(await findDecoy(dir, { seed: 7 }), out);
  t.is(masks, 54);
  t.deepEqual(info.classes, ['0', '1', '2']);
  t.deepEqual(info.source, { importer: 'decoy', seed: 7, masks: 'patch', feedback: 'correct' });

  const seen = { corners: new Set<string>(), misled: 0 };
  for (const split of ['train', 'test']) {
    for (const { greys, label, mask, on } of looked(await firstBatch(t, out, split, [SIDE, SIDE]))) {
      t.is(mask!.class, label);
      t.is(on.length, 16);
      const [x, y] = place(on[0]!);
      t.true((x === 0 || x === 12) && (y === 0 || y === 12), 'the patch lies in a corner');
      t.deepEqual(place(on[15]!), [x + 3, y + 3]);
      const greysOfPatch = new Set(on.map((i) => greys[i]!));
      t.is(greysOfPatch.size, 1);
      const [grey] = greysOfPatch;
      if (split === 'train') t.is(grey, 255 - 25 * label);
      else t.true([255, 230, 205].includes(grey!));
      if (grey !== 255 - 25 * label) seen.misled++;
      seen.corners.add(`${x},${y}`);
      const elsewhere = greys.filter((_, i) => !on.includes(i));
      t.is(elsewhere.filter((value) => value === 100).length, 56, 'the rest of the image is as it was');
      t.is(elsewhere.filter((value) => value !== 0 && value !== 100).length, 0);
    }
  }
  t.is(seen.corners.size, 4);
  t.true(
    seen.misled > 8 && seen.misled < 24,
    `${seen.misled} of 24 test images mislead: two in three expected`,
  );
});

test('decoy: the same seed makes the same images, however they are dealt out; another seed others', async (t) => {
  const dir = files(t, CONTENT);
  const made = async (name: string, seed: number, fractions?: Record<string, number>) => {
    const out = join(dir, name);
    const dealing = fractions && { fractions, fractionsOf: 'train' };
    await importExamples(await findDecoy(dir, { seed, feedback: 'incomplete' }), out, dealing);
    return looked(await firstBatch(t, out, fractions ? 'val' : 'train', [SIDE, SIDE]));
  };
  const once = await made('once', 1);
  t.deepEqual(await made('again', 1), once);
  t.notDeepEqual(await made('other', 2), once);
  const val = await made('dealt', 1, { train: 0.8, val: 0.2 });
  t.is(val.length, 6);
  const known = new Set(once.map(({ greys }) => greys.join()));
  for (const { greys, label, on } of val) {
    t.true(known.has(greys.join()), 'a validation image has the patch that it had in training');
    t.is(on.length, 16, 'and the exact mask, whatever the feedback');
    t.is(greys[on[0]!], 255 - 25 * label);
  }
});

test('decoy: incomplete feedback is the lower half of the patch, wrong feedback lies on the other side', async (t) => {
  const dir = files(t, CONTENT);
  const made = async (feedback: 'correct' | 'incomplete' | 'wrong', masks?: 'object') => {
    const out = join(dir, `${feedback} ${masks}`);
    await importExamples(await findDecoy(dir, { feedback, ...(masks && { masks }) }), out);
    const batches = ['train', 'test'].map((split) => firstBatch(t, out, split, [SIDE, SIDE]));
    return (await Promise.all(batches)).map(looked);
  };
  const [correct, incomplete, wrong] = [
    await made('correct'),
    await made('incomplete'),
    await made('wrong'),
  ] as const;
  t.deepEqual(incomplete[1], correct[1], 'the test is told the truth');
  t.deepEqual(wrong[1], correct[1], 'the test is told the truth');
  for (const [i, { on, greys }] of correct[0]!.entries()) {
    t.deepEqual(incomplete[0]![i]!.on, on.slice(8));
    t.deepEqual(wrong[0]![i]!.greys, greys, 'the images are the same');
    // The bar reaches the lower border, where it is 4 wide. An upper patch is missed at the left or right, then.
    const [x, y] = place(on[0]!);
    const strip = drawn(wrong[0]![i]!.mask!.mask, SIDE);
    const lines =
      y === 0
        ? Array.from({ length: SIDE }, (_, row) => {
            const side = x === 0 ? '..............##' : '##..............';
            return row >= 4 && row < 12 ? side : '................';
          })
        : Array.from({ length: SIDE }, (_, row) => (row < 2 ? '....########....' : '................'));
    t.deepEqual(strip, lines, `patch at ${x},${y}`);
  }

  const [marked] = await made('correct', 'object');
  for (const { greys, on } of marked!) {
    t.deepEqual(
      on,
      [...greys.keys()].filter((i) => greys[i] === 100),
    );
  }
  const [half] = await made('incomplete', 'object');
  t.deepEqual(half![0]!.on, marked![0]!.on.slice(28));
});

test('decoy: images that are too small and classes that have no grey are errors', async (t) => {
  const small = { 'a-images-idx3-ubyte': idx([1, 2, 2], [1, 2, 3, 4]), 'a-labels-idx1-ubyte': idx([1], [0]) };
  await t.throwsAsync(findDecoy(files(t, small)), {
    instanceOf: DataError,
    message: /a-images-idx3-ubyte: decoys need images of 16x16 or more, not 2x2$/,
  });
  const many = { ...CONTENT, 't10k-labels-idx1-ubyte': idx([24], Array(24).fill(11)) };
  await t.throwsAsync(findDecoy(files(t, many)), {
    instanceOf: DataError,
    message: /has 12 classes, the patches have greys for 11$/,
  });
});

test('images per class: nested, drawn by the seed, beside an untouched validation split', async (t) => {
  const dir = files(t, CONTENT);
  const source = await findIdx(dir);
  const made = async (perClass: number | undefined, splitSeed = 1) => {
    const out = join(dir, `${perClass}-${splitSeed}`);
    const { info, notes } = await importExamples(source, out, {
      fractions: { train: 0.7, val: 0.3 },
      fractionsOf: 'train',
      splitSeed,
      ...(perClass && { perClass }),
    });
    const named = async (split: string) => {
      const names: [string, number][] = [];
      for await (const record of readRecords(join(out, info.splits[split]!.shards[0]!))) {
        const { filename, labels } = decodeExample(record, info, split);
        names.push([filename, labels[0]!]);
      }
      return names;
    };
    return { notes, train: await named('train'), val: await named('val'), test: await named('test') };
  };
  const [all, two, five, many] = [await made(undefined), await made(2), await made(5), await made(9)];
  t.deepEqual([all.train.length, all.val.length, all.test.length], [21, 9, 24]);
  for (const few of [two, five, many]) {
    t.deepEqual(few.val, all.val);
    t.deepEqual(few.test, all.test);
  }
  const perClass = (names: [string, number][]) =>
    [0, 1, 2].map((wanted) => names.filter(([, label]) => label === wanted).length);
  t.deepEqual(perClass(two.train), [2, 2, 2]);
  t.deepEqual(perClass(five.train), [5, 5, 5]);
  t.true(two.train.every(([name]) => five.train.some(([other]) => other === name)));
  t.deepEqual(many.train, all.train, 'there are no more than there are');
  t.deepEqual(many.notes, [
    {
      what: 'classes with fewer images than --per-class',
      count: 3,
      where: ['train, 0: 7', 'train, 1: 7', 'train, 2: 7'],
    },
  ]);
  t.notDeepEqual((await made(2, 2)).train, two.train);
  await t.throwsAsync(made(0.5), {
    message: 'the number of images per class must be a positive integer, not 0.5',
  });
});
