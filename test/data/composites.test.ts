import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import {
  areaOf,
  boundsOf,
  cutObject,
  DatasetWriter,
  dilate,
  eraseRegion,
  type HostBatch,
  openDataset,
  pasteObject,
  readPredictedMasks,
  writePredictedMasks,
} from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { randomFor } from '../../src/random/index.ts';
import { temporaryFolder } from './temporary-folder.ts';

const size = 32;
const pixels = size * size;

type Colour = readonly [number, number, number];
const water: Colour = [0, 0, 1];
const land: Colour = [0, 1, 0];
const red: Colour = [1, 0, 0];
const white: Colour = [1, 1, 1];

/** A picture of one colour with a square of another. */
function picture(ground: Colour, object?: { colour: Colour; left: number; top: number; side: number }) {
  const data = new Float32Array(pixels * 3);
  const mask = new Uint8Array(pixels);
  for (let p = 0; p < pixels; p++) {
    const [x, y] = [p % size, Math.floor(p / size)];
    const inside =
      object !== undefined &&
      x >= object.left &&
      x < object.left + object.side &&
      y >= object.top &&
      y < object.top + object.side;
    data.set(inside ? object.colour : ground, p * 3);
    if (inside) mask[p] = 1;
  }
  return { data, width: size, height: size, mask };
}

test('regions: area, bounds, and growing by a square', (t) => {
  const { mask } = picture(land, { colour: red, left: 5, top: 7, side: 4 });
  t.is(areaOf(mask), 16);
  t.deepEqual(boundsOf(mask, size), { left: 5, top: 7, right: 9, bottom: 11 });
  t.deepEqual(boundsOf(dilate(mask, size, 2), size), { left: 3, top: 5, right: 11, bottom: 13 });
  t.is(areaOf(dilate(mask, size, 2)), 64);
  t.is(boundsOf(new Uint8Array(pixels), size), undefined);
});

test('erasing leaves what the surroundings show, and nothing of the object', (t) => {
  const image = picture(water, { colour: red, left: 10, top: 10, side: 8 });
  // Stripes of grey, so that a row's mean or black would be seen.
  for (let p = 0; p < pixels; p++) if (!image.mask[p] && p % 2) image.data[p * 3 + 1] = 0.5;
  const before = Float32Array.from(image.data);
  eraseRegion(image, image.mask, image.mask, randomFor(1));
  let [reddest, darkest] = [0, 1];
  for (let p = 0; p < pixels; p++) {
    reddest = Math.max(reddest, image.data[p * 3]!);
    darkest = Math.min(darkest, image.data[p * 3 + 2]!);
  }
  t.true(reddest < 0.1, `red is left: ${reddest}`);
  t.true(darkest > 0.85, `a dark spot: ${darkest}`);
  // Far from the hole nothing changes.
  t.deepEqual(image.data.subarray(0, 6 * size * 3), before.subarray(0, 6 * size * 3));
  const inHole = (14 * size + 14) * 3;
  const greens = [image.data[inHole + 1]!, image.data[inHole + 4]!].sort((a, b) => a - b);
  t.true(greens[1]! - greens[0]! > 0.3, `the stripes go on in the hole: ${greens}`);
});

test('a pasted object has its size, its colours, and covers what its region says', (t) => {
  const from = picture(water, { colour: red, left: 4, top: 12, side: 8 });
  const object = cutObject(from, from.mask)!;
  const onto = picture(land);
  const covered = pasteObject(onto, object, new Uint8Array(pixels), randomFor(3), {
    scale: [1, 1],
    brightness: 0,
    tint: 0,
  });
  t.true(Math.abs(areaOf(covered) - 64) <= 8, `${areaOf(covered)} pixels`);
  const { left, top, right, bottom } = boundsOf(covered, size)!;
  t.deepEqual([right - left, bottom - top], [8, 8]);
  const middle = ((top + 4) * size + left + 4) * 3;
  t.deepEqual([...onto.data.subarray(middle, middle + 3)], [...red]);
  for (let p = 0; p < pixels; p++) t.true(onto.data[p * 3 + 2]! < 0.5, 'no water comes along');
  t.is(cutObject(from, new Uint8Array(pixels)), undefined);
});

/** Boats (red) on water, cars (white) on land; the first 4 of each have masks. */
async function biasedDataset(t: ExecutionContext, multiLabel = true): Promise<string> {
  const dir = temporaryFolder(t);
  const info = { name: 'biased', classes: ['boat', 'car'], multiLabel };
  const writer = await DatasetWriter.create(dir, info, ['train', 'full']);
  const png = (data: Uint8Array, channels: 1 | 3) =>
    sharp(data, { raw: { width: size, height: size, channels } })
      .png()
      .toBuffer();
  for (const split of ['train', 'full']) {
    for (let i = 0; i < (split === 'train' ? 12 : 8); i++) {
      const c = i % 2;
      const place = { left: 4 + i, top: 10 + (i % 5), side: 9 };
      const { data, mask } = picture(c === 0 ? water : land, { colour: c === 0 ? red : white, ...place });
      const box = {
        class: c,
        xmin: place.left / size,
        ymin: place.top / size,
        xmax: (place.left + 9) / size,
        ymax: (place.top + 9) / size,
      };
      const drawn = await png(
        mask.map((value) => value * 255),
        1,
      );
      await writer.write(split, {
        encoded: await png(
          Uint8Array.from(data, (value) => value * 255),
          3,
        ),
        format: 'png',
        width: size,
        height: size,
        filename: `${split}-${i}.png`,
        labels: [c],
        objects: [split === 'full' ? { ...box, mask: drawn } : box],
      });
    }
  }
  await writer.finish();
  return dir;
}

const walk = {
  batchSize: 10,
  imageSize: [size, size] as const,
  seed: 5,
  shuffle: true,
  masks: { split: 'full', count: 8 },
  composites: { suspects: [0], perBatch: 6 },
};

async function collect(batches: AsyncIterable<HostBatch>): Promise<HostBatch[]> {
  const all: HostBatch[] = [];
  for await (const batch of batches) all.push(batch);
  return all;
}

/** What a sample shows: the colour of most of its upper rows, and how much red. */
function seenIn({ images }: HostBatch, sample: number) {
  const image = images.subarray(sample * pixels * 3, (sample + 1) * pixels * 3);
  let reds = 0;
  for (let p = 0; p < pixels; p++)
    if (image[p * 3]! > 0.6 && image[p * 3 + 1]! < 0.4 && image[p * 3 + 2]! < 0.4) reds++;
  return { water: image[2]! > 0.5, reds };
}

test('composites: the label follows the object, the ground is independent of it, the rest says nothing', async (t) => {
  const data = await openDataset(await biasedDataset(t));
  const counts = { waterBoat: 0, waterNone: 0, landBoat: 0, landNone: 0 };
  for (let epoch = 0; epoch < 12; epoch++) {
    for (const batch of await collect(data.batches('train', { ...walk, workers: 0, epoch }))) {
      for (let i = 0; i < batch.size; i++) {
        const made = i >= batch.size - 6;
        t.is(batch.ids[i]!.startsWith('composite#'), made);
        // [boat, car]: a real image says nothing of the boat.
        t.deepEqual([...batch.labelWeights!.subarray(i * 2, i * 2 + 2)], made ? [1, 1] : [0, 1]);
        if (!made) continue;
        const { water: onWater, reds } = seenIn(batch, i);
        const boat = batch.labels[i * 2] === 1;
        t.is(reds > 15, boat, `${reds} red pixels, label ${boat}`);
        const mask = batch.masks.find((one) => one.sample === i && one.class === 0);
        t.is(mask !== undefined, boat);
        counts[`${onWater ? 'water' : 'land'}${boat ? 'Boat' : 'None'}`]++;
      }
    }
  }
  // 12 epochs of 2 batches of 6 (20 examples in batches of 10): 144 in four cells, 36 each, give or take 3 σ.
  t.is(
    Object.values(counts).reduce((sum, n) => sum + n),
    144,
  );
  for (const [cell, n] of Object.entries(counts)) t.true(n > 18 && n < 54, `${cell}: ${n}`);
  await data.close();
});

test('composites without balance keep what goes together', async (t) => {
  const data = await openDataset(await biasedDataset(t));
  const options = { ...walk, workers: 0, composites: { ...walk.composites, balance: false } };
  for (const batch of await collect(data.batches('train', options))) {
    for (let i = 4; i < batch.size; i++) t.is(seenIn(batch, i).water, batch.labels[i * 2] === 1);
  }
  await data.close();
});

test('composites are a function of seed, epoch and position: not of workers, order of reading, or resuming', async (t) => {
  const dir = await biasedDataset(t);
  for (const cache of [0, 5]) {
    const options = { ...walk, composites: { ...walk.composites, cache }, epoch: 1 };
    const whole = await openDataset(dir);
    const threads = await openDataset(dir);
    const all = await collect(whole.batches('train', { ...options, workers: 0 }));
    const apart = await collect(threads.batches('train', { ...options, workers: 2 }));
    const resumed = await collect(threads.batches('train', { ...options, workers: 1, skipBatches: 1 }));
    t.deepEqual(apart, all);
    t.deepEqual(resumed, all.slice(1));
    const other = await collect(whole.batches('train', { ...options, workers: 0, epoch: 2 }));
    t.notDeepEqual(other[0]!.images, all[0]!.images);
    await whole.close();
    await threads.close();
  }
});

test('without masks a batch holds the same images, composites among them, and no mask', async (t) => {
  const data = await openDataset(await biasedDataset(t));
  const [withMasks, without] = [
    await collect(data.batches('train', { ...walk, workers: 0 })),
    await collect(data.batches('train', { ...walk, workers: 0, withMasks: false })),
  ];
  t.true(withMasks.some(({ masks }) => masks.length > 0));
  t.deepEqual(
    without,
    withMasks.map((batch) => ({ ...batch, masks: [] })),
  );
  await data.close();
});

test('where classes exclude each other, each composite shows one object and says which', async (t) => {
  const data = await openDataset(await biasedDataset(t, false));
  const options = { ...walk, workers: 0 };
  const seen = new Set<string>();
  for (const erased of ['none', 'uniform'] as const) {
    const composites = { ...walk.composites, erased };
    const epochs = Array.from({ length: 4 }, (_, epoch) => ({ ...options, composites, epoch }));
    for (const batch of (await Promise.all(epochs.map((one) => collect(data.batches('full', one))))).flat()) {
      for (let i = batch.size - 6; i < batch.size; i++) {
        const [boat, car] = batch.labels.subarray(i * 2, i * 2 + 2) as unknown as [number, number];
        t.is(boat + car, 1);
        t.is(seenIn(batch, i).reds > 15, boat === 1);
        seen.add(`${erased} ${boat}`);
      }
    }
  }
  t.true(seen.has('none 1') && seen.has('none 0') && seen.has('uniform 0.5'), [...seen].join());
  await data.close();
});

test('what composites cannot be made of is an error that names it', async (t) => {
  const data = await openDataset(await biasedDataset(t));
  const none = { ...walk, workers: 0, masks: 'none' as const };
  await t.throwsAsync(collect(data.batches('train', none)), {
    instanceOf: UsageError,
    message: /no image of the training set has a mask of 'boat'.*data\.masks\.predicted/,
  });
  const wrong = { ...walk, workers: 0, composites: { suspects: [2], perBatch: 6 } };
  await t.throwsAsync(collect(data.batches('train', wrong)), {
    instanceOf: UsageError,
    message: /composites\.suspects: must be one or more class indices from 0 to 1, was \[2\]/,
  });
  await data.close();
});

test('predicted masks: written, read back, and used where there is no mask of one’s own', async (t) => {
  const dir = await biasedDataset(t);
  const data = await openDataset(dir);
  const path = join(dir, 'masks', 'some.tfrecord');
  const ids = (await data.labels('train')).map(({ id }) => id);
  const classes = new Uint8Array(pixels);
  classes.fill(1, 10 * size, 14 * size);
  const info = {
    imageSize: [size, size] as const,
    fit: 'squash' as const,
    classes: data.classes,
    learnedFrom: 8,
    iou: [0.5, null],
    segmenter: {},
  };
  await writePredictedMasks(path, info, [{ id: ids[0]!, classes, confidence: new Map([[0, 0.75]]) }]);
  const predicted = await readPredictedMasks(path);
  t.deepEqual(predicted.info, info);
  t.deepEqual(predicted.masks.get(ids[0]!)!.classes, classes);
  t.deepEqual([...predicted.masks.get(ids[0]!)!.confidence], [[0, 0.75]]);

  const options = {
    ...walk,
    composites: undefined,
    workers: 0,
    shuffle: false,
    predicted,
    predictedSupervise: true,
  };
  const [first] = await collect(data.batches('train', options));
  t.deepEqual(
    first!.masks.map(({ sample, class: c, predicted: made, mask }) => [
      sample,
      c,
      made,
      mask[9 * size],
      mask[10 * size],
    ]),
    [[0, 0, true, 0, 1]],
  );
  await t.throwsAsync(readPredictedMasks(join(dir, data.info.splits.train!.shards[0]!)), {
    instanceOf: DataError,
    message: /record 0: feature predicted\/info: is missing/,
  });
  await data.close();
});
