import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import {
  type BatchOptions,
  DatasetWriter,
  type HostBatch,
  type ImageExample,
  openDataset,
} from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { moduleCommand } from '../program-command.ts';
import { temporaryFolder } from './temporary-folder.ts';

const classes = ['boat', 'car', 'house'];

/** An 8x8 image of one grey, `index`; an object of class index % 3 in its left half, seen by a mask on request. */
async function greyExample(index: number, withMask: boolean): Promise<ImageExample> {
  const raw = (channels: 1 | 3) => ({ raw: { width: 8, height: 8, channels } });
  const mask = Uint8Array.from({ length: 64 }, (_, i) => (i % 8 < 4 ? 255 : 0));
  return {
    encoded: await sharp(new Uint8Array(192).fill(index), raw(3)).png().toBuffer(),
    format: 'png',
    width: 8,
    height: 8,
    filename: `${index}.png`,
    labels: [index % 3],
    objects: [
      {
        class: index % 3,
        xmin: 0,
        ymin: 0,
        xmax: 0.5,
        ymax: 1,
        ...(withMask && { mask: await sharp(mask, raw(1)).png().toBuffer() }),
      },
    ],
  };
}

/** 20 examples of `train` in several shards, 6 with masks of `full`, counted on from 100. */
async function greyDataset(t: ExecutionContext): Promise<string> {
  const dir = temporaryFolder(t);
  const info = { name: 'grey', classes, multiLabel: true };
  const writer = await DatasetWriter.create(dir, info, ['train', 'full'], { shardBytes: 4000 });
  for (let i = 0; i < 20; i++) await writer.write('train', await greyExample(i, false));
  for (let i = 0; i < 6; i++) await writer.write('full', await greyExample(100 + i, true));
  await writer.finish();
  return dir;
}

async function collect(batches: AsyncIterable<HostBatch>): Promise<HostBatch[]> {
  const all: HostBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** The grey of each sample, which tells the examples apart. */
function greys({ images, size }: HostBatch): number[] {
  return Array.from({ length: size }, (_, i) => Math.round(images[(i * images.length) / size]! * 255));
}

const base: BatchOptions = { batchSize: 4, imageSize: [8, 8], workers: 0 };

async function opened(t: ExecutionContext, dir: string, options = {}) {
  const dataset = await openDataset(dir, options);
  t.teardown(() => dataset.close());
  return dataset;
}

test('a batch holds images, labels, boxes and masks as they were written', async (t) => {
  const dataset = await opened(t, await greyDataset(t));
  const [batch] = (await collect(dataset.batches('full', base))) as [HostBatch];
  t.is(batch.size, 4);
  t.is(batch.images.length, 4 * 8 * 8 * 3);
  t.deepEqual([...new Set(batch.images.subarray(0, 192))], [Math.fround(100 / 255)]);
  t.deepEqual([...batch.labels], [0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0]);
  t.deepEqual(batch.boxes[1], { sample: 1, class: 2, xmin: 0, ymin: 0, xmax: 0.5, ymax: 1 });
  t.deepEqual(
    batch.masks.map(({ sample, class: index }) => [sample, index]),
    [
      [0, 1],
      [1, 2],
      [2, 0],
      [3, 1],
    ],
  );
  t.deepEqual(
    [...batch.masks[0]!.mask],
    Array.from({ length: 64 }, (_, i) => Number(i % 8 < 4)),
  );
  t.deepEqual(batch.ids.slice(0, 2), ['full-00000-of-00001.tfrecord#0', 'full-00000-of-00001.tfrecord#1']);
});

test('shards follow one another, and splits can be walked together', async (t) => {
  const dir = await greyDataset(t);
  const dataset = await opened(t, dir);
  t.true(dataset.info.splits.train!.shards.length > 1);
  t.deepEqual(
    readdirSync(dir).sort(),
    ['dataset.json', ...Object.values(dataset.info.splits).flatMap((s) => s.shards)].sort(),
  );
  const all = (await collect(dataset.batches(['full', 'train'], base))).flatMap(greys);
  t.deepEqual(all, [100, 101, 102, 103, 104, 105, ...Array(20).keys()]);
  t.is(await dataset.countBatches(['full', 'train'], base), 7);
});

test('flips and crops move images, boxes and masks together', async (t) => {
  const dataset = await opened(t, await greyDataset(t));
  const augment = { flip: true, crop: { scale: [0.2, 0.9], ratio: [0.5, 2] } } as const;
  let gone = 0;
  for (let epoch = 0; epoch < 20; epoch++) {
    for (const batch of await collect(
      dataset.batches('full', { ...base, imageSize: [16, 16], augment, epoch }),
    )) {
      for (let sample = 0; sample < batch.size; sample++) {
        const box = batch.boxes.find((b) => b.sample === sample);
        const mask = batch.masks.find((m) => m.sample === sample)?.mask;
        t.is(
          batch.labels.subarray(sample * 3, sample * 3 + 3).reduce((a, b) => a + b),
          1,
          'the label stays',
        );
        if (!box) {
          gone++;
          t.is(mask, undefined);
          continue;
        }
        // The object fills whole columns: those whose centre lies in the box, to a pixel of resampling.
        t.deepEqual([box.ymin, box.ymax], [0, 1]);
        const columns = Array.from({ length: 16 }, (_, x) => mask?.[x] ?? 0);
        const expected = (box.xmax - box.xmin) * 16;
        t.true(
          Math.abs(columns.reduce((a, b) => a + b) - expected) <= 1,
          `${columns} ${box.xmin} ${box.xmax}`,
        );
        if (box.xmin > 0.1) t.is(columns[0], 0);
        if (box.xmax < 0.9) t.is(columns[15], 0);
      }
    }
  }
  t.true(gone > 0, 'some crops lose the object');
});

const random: BatchOptions = {
  ...base,
  imageSize: [12, 10],
  shuffle: true,
  seed: 5,
  epoch: 2,
  augment: {
    flip: true,
    crop: { scale: [0.3, 1], ratio: [0.7, 1.4] },
    color: { brightness: 0.3, contrast: 0.3, saturation: 0.3, hue: 0.1 },
  },
  masks: { split: 'full', count: 3 },
  maskedPerBatch: 1,
};

test('neither workers, prefetching, the cache nor resuming change a batch', async (t) => {
  const dir = await greyDataset(t);
  const expected = await collect((await opened(t, dir)).batches(['train', 'full'], random));
  t.is(expected.length, 7);
  const dataset = await opened(t, dir, { onWarning: (message: string) => t.fail(message) });
  for (const workers of [1, 2]) {
    t.deepEqual(await collect(dataset.batches(['train', 'full'], { ...random, workers })), expected);
  }
  const again = { ...random, prefetch: 0, skipBatches: 5 };
  t.deepEqual(await collect(dataset.batches(['train', 'full'], again)), expected.slice(5));
  const uncached = await opened(t, dir, { cacheBytes: 0 });
  t.deepEqual(await collect(uncached.batches(['train', 'full'], random)), expected);
});

test('another epoch, another seed: another order and other augmentations', async (t) => {
  const dataset = await opened(t, await greyDataset(t));
  const orders = [];
  for (const change of [{}, { epoch: 3 }, { seed: 6 }]) {
    const batches = await collect(
      dataset.batches('train', { ...base, shuffle: true, seed: 5, epoch: 2, ...change }),
    );
    orders.push(String(batches.flatMap(greys)));
    t.deepEqual(
      batches.flatMap(greys).sort((a, b) => a - b),
      [...Array(20).keys()],
    );
  }
  t.is(new Set(orders).size, 3);
});

test('leaving a walk in the middle and walking again', async (t) => {
  const dataset = await opened(t, await greyDataset(t), { onWarning: (message: string) => t.fail(message) });
  for (const workers of [0, 1]) {
    for await (const batch of dataset.batches('train', { ...base, workers })) {
      t.deepEqual(greys(batch), [0, 1, 2, 3]);
      break;
    }
  }
  t.is((await collect(dataset.batches('train', { ...base, dropRemainder: true, batchSize: 8 }))).length, 2);
  for await (const _ of dataset.batches('train', { ...base, workers: 1 })) break;
  await dataset.close();
});

test('masks: none, or those of some examples of a split, a smaller choice within a larger', async (t) => {
  const dataset = await opened(t, await greyDataset(t));
  const none = await collect(dataset.batches('full', { ...base, masks: 'none' }));
  t.is(none.flatMap(({ masks }) => masks).length, 0);
  t.is(none[0]!.boxes.length, 4);
  t.deepEqual([...none[0]!.supervised], [0, 0, 0, 0]);

  const chosen = async (count: number, seed = 0) => {
    const batches = await collect(
      dataset.batches(['train', 'full'], { ...base, seed, masks: { split: 'full', count } }),
    );
    t.is(batches.flatMap(({ masks }) => masks).length, count);
    return batches.flatMap((batch) => batch.ids.filter((_, i) => batch.supervised[i] === 1));
  };
  const [two, four] = [await chosen(2), await chosen(4)];
  t.is(two.length, 2);
  t.true(two.every((id) => four.includes(id)) && four.every((id) => id.startsWith('full')));
  t.true(
    new Set(await Promise.all([0, 1, 2, 3].map(async (seed) => String(await chosen(2, seed))))).size > 1,
  );
});

test('chosen masked examples of a split that is not walked are added to it', async (t) => {
  const dataset = await opened(t, await greyDataset(t));
  const options = { ...base, masks: { split: 'full', count: 'all' as const } };
  const batches = await collect(dataset.batches('train', options));
  t.is(
    batches.reduce((sum, { size }) => sum + size, 0),
    26,
  );
  t.is(await dataset.countBatches('train', options), 7);
});

test('partners: every image of a batch stands beside another of its label', async (t) => {
  const dataset = await opened(t, await greyDataset(t));
  // 20 of three labels: 7, 7 and 6, so two odd ones come twice.
  const options: BatchOptions = { ...base, seed: 3, shuffle: true, partners: true };
  const batches = await collect(dataset.batches('train', options));
  t.is(await dataset.countBatches('train', options), 6);
  t.deepEqual(
    batches.map(({ size }) => size),
    [4, 4, 4, 4, 4, 2],
  );
  const shown = batches.flatMap(greys);
  t.is(new Set(shown).size, 20);
  for (let i = 0; i < shown.length; i += 2) {
    t.is(shown[i]! % 3, shown[i + 1]! % 3);
    t.not(shown[i], shown[i + 1]);
  }
  const resumed = await collect(dataset.batches('train', { ...options, skipBatches: 4 }));
  t.deepEqual(resumed[0]!.ids, batches[4]!.ids);
});

test('label lists and statistics need no image', async (t) => {
  const dataset = await opened(t, await greyDataset(t));
  t.deepEqual((await dataset.labels('full'))[1], {
    id: 'full-00000-of-00001.tfrecord#1',
    filename: '101.png',
    group: '',
    unknown: [],
    width: 8,
    height: 8,
    labels: [2],
    boxes: 1,
    masks: 1,
    confounders: 0,
    maskedClasses: [2],
  });
  t.deepEqual(await dataset.labelStatistics(['train', 'full']), {
    examples: 26,
    perClass: [9, 9, 8],
    unknown: [0, 0, 0],
    groups: [],
    perImage: [0, 26],
    maxPerImage: 1,
    withBoxes: 26,
    withMasks: 6,
    withConfounders: 0,
  });
});

async function brokenDataset(t: ExecutionContext, change: (example: ImageExample) => void): Promise<string> {
  const dir = temporaryFolder(t);
  const writer = await DatasetWriter.create(dir, { name: 'grey', classes, multiLabel: true }, ['train']);
  for (let i = 0; i < 6; i++) {
    const example = await greyExample(i, true);
    if (i === 4) change(example);
    await writer.write('train', example);
  }
  await writer.finish();
  return dir;
}

for (const workers of [0, 1]) {
  const where = workers ? 'through a worker' : 'in process';
  test(`a broken image is named ${where}, when its batch is due`, async (t) => {
    const photo = await sharp(
      Uint8Array.from({ length: 192 }, (_, i) => (i * i * 7919) % 251),
      { raw: { width: 8, height: 8, channels: 3 } },
    )
      .jpeg()
      .toBuffer();
    const dir = await brokenDataset(t, (example) => {
      example.encoded = photo.subarray(0, photo.length - 60);
    });
    const dataset = await opened(t, dir);
    const seen: number[][] = [];
    const error = await t.throwsAsync(
      async () => {
        for await (const batch of dataset.batches('train', { ...base, workers, batchSize: 2 }))
          seen.push(greys(batch));
      },
      { instanceOf: DataError },
    );
    t.true(
      error!.message.startsWith(
        `${join(dir, 'train-00000-of-00001.tfrecord')}, record 4: image cannot be decoded: `,
      ),
    );
    t.deepEqual(seen, [
      [0, 1],
      [2, 3],
    ]);
  });

  test(`a mask of the wrong size is named ${where}`, async (t) => {
    const mask = await sharp(new Uint8Array(72), { raw: { width: 9, height: 8, channels: 1 } })
      .png()
      .toBuffer();
    const dir = await brokenDataset(t, (example) => {
      example.objects[0]!.mask = mask;
    });
    const dataset = await opened(t, dir);
    await t.throwsAsync(collect(dataset.batches('train', { ...base, workers })), {
      instanceOf: DataError,
      message: `${join(dir, 'train-00000-of-00001.tfrecord')}, record 4, object 0: mask is 9x8, its image 8x8 (width x height)`,
    });
  });

  test(`a class out of range is named ${where}`, async (t) => {
    const dir = await brokenDataset(t, (example) => {
      example.objects[0]!.class = 3;
    });
    const dataset = await opened(t, dir);
    await t.throwsAsync(collect(dataset.batches('train', { ...base, workers })), {
      instanceOf: DataError,
      message:
        /, record 4: feature image\/object\/class\/label: class 3 is out of range: the data set has 3 classes, 0 to 2$/,
    });
  });
}

test('flipped bits and truncated shards are named', async (t) => {
  const dir = await greyDataset(t);
  const path = join(dir, 'full-00000-of-00001.tfrecord');
  const whole = readFileSync(path);
  const damaged = Buffer.from(whole);
  damaged[100]! ^= 1;
  writeFileSync(path, damaged);
  await t.throwsAsync(collect((await opened(t, dir)).batches('full', base)), {
    instanceOf: DataError,
    message: `${path}, record 0: CRC of the data does not match`,
  });
  writeFileSync(path, whole.subarray(0, -10));
  await t.throwsAsync(collect((await opened(t, dir)).batches('full', base)), {
    instanceOf: DataError,
    message: new RegExp(`^${path}, record 5: truncated: `),
  });
});

test('a data set that is missing, unreadable or does not agree with its shards', async (t) => {
  const dir = await greyDataset(t);
  const path = join(dir, 'dataset.json');
  const info = readFileSync(path, 'utf8');
  await t.throwsAsync(openDataset(join(dir, 'none')), {
    instanceOf: DataError,
    message: `${join(dir, 'none', 'dataset.json')}: no such file: is this a data set, and was its import finished?`,
  });
  writeFileSync(path, info.slice(0, 50));
  await t.throwsAsync(openDataset(dir), { instanceOf: DataError, message: new RegExp(`^${path}: `) });
  writeFileSync(path, info.replace('"boat"', '"car"'));
  await t.throwsAsync(openDataset(dir), {
    instanceOf: DataError,
    message: `${path}: classes: two classes have the same name`,
  });
  writeFileSync(path, info.replace('"examples": 6', '"examples": 7'));
  await t.throwsAsync(collect((await opened(t, dir)).batches('full', base)), {
    instanceOf: DataError,
    message: `${path}: split full should have 7 examples, its shards have 6`,
  });
});

test('wrong options are told at once', async (t) => {
  const dataset = await opened(t, await greyDataset(t));
  t.throws(() => dataset.batches('trian', base), {
    instanceOf: UsageError,
    message: `${dataset.dir} has no split trian; it has train, full`,
  });
  t.throws(() => dataset.batches('train', { ...base, batchSize: 0 }), {
    instanceOf: UsageError,
    message: 'batchSize must be an integer of at least 1, not 0',
  });
  t.throws(() => dataset.batches('train', { ...base, batchSize: 3, partners: true }), {
    instanceOf: UsageError,
    message: 'batchSize must be even for partners, not 3',
  });
  await t.throwsAsync(collect(dataset.batches('train', { ...base, masks: { split: 'full', count: 7 } })), {
    instanceOf: UsageError,
    message: `${dataset.dir}: 7 masked examples are asked for, the split full has 6`,
  });
});

test('an import that fails leaves the data set that was there', async (t) => {
  const dir = await greyDataset(t);
  const before = readdirSync(dir).sort();
  const writer = await DatasetWriter.create(dir, { name: 'other', classes, multiLabel: true }, ['train']);
  await writer.write('train', await greyExample(200, false));
  await writer.abort();
  t.deepEqual(readdirSync(dir).sort(), before);
  t.is((await collect((await opened(t, dir)).batches('train', base))).length, 5);
});

test('a new import replaces the old data set, what a dead process left, and no other files', async (t) => {
  const dir = await greyDataset(t);
  writeFileSync(join(dir, 'notes.txt'), 'mine');
  writeFileSync(join(dir, 'train-00000.4194999.partial'), 'left over');
  const writer = await DatasetWriter.create(dir, { name: 'other', classes, multiLabel: true }, ['train']);
  await writer.write('train', await greyExample(200, false));
  await writer.finish();
  t.deepEqual(readdirSync(dir).sort(), ['dataset.json', 'notes.txt', 'train-00000-of-00001.tfrecord']);
  t.false(existsSync(join(dir, 'full-00000-of-00001.tfrecord')));
  t.deepEqual((await collect((await opened(t, dir)).batches('train', base))).map(greys), [[200]]);
});

test('groups and unknown labels reach the batches, the statistics and dataset.json', async (t) => {
  const dir = temporaryFolder(t);
  const writer = await DatasetWriter.create(dir, { name: 'g', classes, multiLabel: true }, [
    'train',
    'plain',
  ]);
  const annotations = [
    { group: 'sea' },
    { group: 'land', unknown: [2] },
    { unknown: [0, 1] },
    { group: 'sea' },
  ];
  for (const [i, more] of annotations.entries()) {
    const { objects: _, ...example } = await greyExample(i, false);
    const labels = i === 2 ? [] : example.labels;
    await writer.write('train', { ...example, labels, objects: [], ...more });
  }
  await writer.write('plain', await greyExample(5, false));
  t.deepEqual((await writer.finish()).groups, ['land', 'sea']);
  const dataset = await openDataset(dir);
  t.teardown(() => dataset.close());
  t.deepEqual(dataset.info.groups, ['land', 'sea']);

  for (const workers of [0, 1]) {
    const options = { batchSize: 4, imageSize: [8, 8] as const, workers };
    for (const _ of [1, 2]) {
      const [batch] = await collect(dataset.batches('train', options)); // the second time from the cache
      t.deepEqual(batch!.groups, ['sea', 'land', '', 'sea']);
      t.deepEqual([...batch!.labelWeights!], [1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1, 1]);
      t.deepEqual([...batch!.labels], [1, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0]);
    }
    const [plain] = await collect(dataset.batches('plain', options));
    t.false('groups' in plain! || 'labelWeights' in plain!);
  }
  const { groups, unknown } = await dataset.labelStatistics('train');
  t.deepEqual(unknown, [1, 1, 1]);
  t.deepEqual(groups, [
    { group: 'land', examples: 1, perClass: [0, 1, 0] },
    { group: 'sea', examples: 2, perClass: [2, 0, 0] },
  ]);
});

test('an error in the loop while the worker makes other batches: closing ends, and the process with it', async (t) => {
  const dir = await greyDataset(t);
  const [file, ...args] = moduleCommand(new URL('./close-while-busy', import.meta.url));
  const { stdout } = await promisify(execFile)(file, [...args, dir, '2']);
  t.is(stdout, 'closed 2\n');
});
