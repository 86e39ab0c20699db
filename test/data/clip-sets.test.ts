import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import {
  decodeExample,
  encodeExample,
  findClips,
  generateDrawn,
  type HostBatch,
  importExamples,
  openDataset,
  readClipView,
} from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { npy } from '../../src/pictures/index.ts';
import { temporary } from '../explain/networks.ts';

const [width, height] = [6, 4];

const frame = (value: number) =>
  sharp({ create: { width, height, channels: 3, background: { r: value, g: value, b: value } } })
    .png()
    .toBuffer();

/** Frames of one grey each, as a folder of pictures. */
async function frames(folder: string, values: readonly number[]): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const [i, value] of values.entries())
    await writeFile(join(folder, `${i + 1}.png`), await frame(value));
}

/** A `.npy` of [D,H,W]. */
async function volume(file: string, values: readonly number[]): Promise<void> {
  const all = values.flatMap((value) => Array<number>(width * height).fill(value));
  await writeFile(file, npy(Float32Array.from(all), [values.length, height, width]));
}

/** Clips of all kinds: two classes, masks for some. */
async function source(t: Parameters<typeof temporary>[0]) {
  const dir = await temporary(t);
  await frames(join(dir, 'clips/bright/a'), [0, 51, 102, 153, 204, 255]);
  const gif = await Promise.all([255, 0].map(frame));
  await sharp(gif, { join: { animated: true } })
    .gif()
    .toFile(join(dir, 'clips/bright/b.gif'));
  await mkdir(join(dir, 'clips/dark'));
  await volume(join(dir, 'clips/dark/c.npy'), [0, 1, 2, 3]);
  await writeFile(join(dir, 'clips/dark/notes.txt'), 'no clip');
  await mkdir(join(dir, 'masks/bright'), { recursive: true });
  // Of the folder of frames: nothing in the first three, all in the others.
  await volume(join(dir, 'masks/bright/a.npy'), [0, 0, 0, 1, 1, 1]);
  await mkdir(join(dir, 'masks/dark'));
  await volume(join(dir, 'masks/dark/other.npy'), [1]);
  return dir;
}

async function only(batches: AsyncIterable<HostBatch>): Promise<HostBatch> {
  for await (const batch of batches) return batch;
  throw new Error('no batch');
}

/** The first value of each frame of a sample, rounded. */
const firstOf = (values: Float32Array, sample: number, length: number, each: number) =>
  Array.from({ length }, (_, f) => Math.round(values[(sample * length + f) * each]! * 100) / 100);

test('clips of all kinds become records, and batches of as many frames as are asked for', async (t) => {
  const dir = await source(t);
  const found = await findClips(join(dir, 'clips'), { masks: join(dir, 'masks') });
  t.deepEqual(
    found.notes?.map(({ what, count }) => [what, count]),
    [
      ['files left out, they are no clip of a known kind', 1],
      ['masks left out, no clip is called so', 1],
    ],
  );
  const { info } = await importExamples(found, join(dir, 'set'));
  t.true(info.clips);
  t.deepEqual(info.classes, ['bright', 'dark']);
  const set = await openDataset(join(dir, 'set'));
  t.teardown(() => set.close());
  const { withBoxes, withMasks } = await set.labelStatistics('train');
  t.deepEqual([withBoxes, withMasks], [0, 1]);

  const options = { batchSize: 3, imageSize: [2, 3], frames: 3, workers: 0 } as const;
  const batch = await only(set.batches('train', options));
  t.is(batch.images.length, 3 * 3 * 2 * 3 * 3);
  const each = 2 * 3 * 3;
  // Frames 1, 3, 5 of six; 0, 1, 1 of two; the volume stretched to 0..1, frames 0, 2, 3 of four.
  t.deepEqual(firstOf(batch.images, 0, 3, each), [0.2, 0.6, 1]);
  t.deepEqual(firstOf(batch.images, 1, 3, each), [1, 0, 0]);
  t.deepEqual(firstOf(batch.images, 2, 3, each), [0, 0.67, 1]);
  t.deepEqual(batch.boxes, []);
  t.deepEqual(
    batch.masks.map(({ sample, class: c, mask }) => [sample, c, firstOf(mask, 0, 3, 6)]),
    [[0, 0, [0, 1, 1]]],
  );
  const worker = await only(set.batches('train', { ...options, workers: 1 }));
  t.deepEqual(worker.images, batch.images);

  // What `explain` reads from the files is what the network was trained on.
  const seen = await readClipView(join(dir, 'clips/bright/a'), { frames: 3, imageSize: [2, 3] });
  t.deepEqual(seen, batch.images.slice(0, seen.length));
});

test('--frames and --size bring clips to one length and size in the import', async (t) => {
  const dir = await source(t);
  const found = await findClips(join(dir, 'clips'), {
    masks: join(dir, 'masks'),
    frames: 2,
    size: [2, 2],
    scaling: 'none',
  });
  await importExamples(found, join(dir, 'set'));
  const set = await openDataset(join(dir, 'set'));
  t.teardown(() => set.close());
  const batch = await only(set.batches('train', { batchSize: 3, imageSize: [2, 2], frames: 2, workers: 0 }));
  // Halfway between frames 1 and 2, and 4 and 5 of six: (51 + 51 / 2) / 255 and so on.
  t.deepEqual(firstOf(batch.images, 0, 2, 12), [0.2, 0.8]);
  t.deepEqual(firstOf(batch.masks[0]!.mask, 0, 2, 4), [0, 1]);
});

test('augmentation moves all frames alike', async (t) => {
  const dir = await temporary(t);
  // Every frame is the same picture: what comes out must be, too.
  const picture = await sharp(Buffer.from(Array.from({ length: 24 * 3 }, (_, i) => (i * 97) % 256)), {
    raw: { width, height, channels: 3 },
  })
    .png()
    .toBuffer();
  await mkdir(join(dir, 'clips/one/a'), { recursive: true });
  for (const name of ['1.png', '2.png', '3.png']) await writeFile(join(dir, 'clips/one/a', name), picture);
  await importExamples(await findClips(join(dir, 'clips')), join(dir, 'set'));
  const set = await openDataset(join(dir, 'set'));
  t.teardown(() => set.close());
  const augment = {
    flip: true,
    crop: { scale: [0.3, 0.6], ratio: [0.8, 1.25] },
    color: { brightness: 0.4, contrast: 0.4 },
  } as const;
  const views = new Set<string>();
  for (let epoch = 0; epoch < 4; epoch++) {
    const {
      images,
      views: [view],
    } = await only(
      set.batches('train', { batchSize: 1, imageSize: [4, 4], frames: 3, augment, epoch, workers: 0 }),
    );
    const one = images.slice(0, 48);
    t.deepEqual(images.slice(48, 96), one);
    t.deepEqual(images.slice(96), one);
    views.add(JSON.stringify(view));
  }
  t.true(views.size > 1);
});

test('images and clips are not taken for each other', async (t) => {
  const dir = await source(t);
  await importExamples(await findClips(join(dir, 'clips')), join(dir, 'set'));
  const set = await openDataset(join(dir, 'set'));
  t.teardown(() => set.close());
  const walk = { batchSize: 1, imageSize: [4, 4] } as const;
  t.throws(() => set.batches('train', walk), {
    instanceOf: UsageError,
    message:
      /holds clips, and images are wanted here; train \(data.frames\), evaluate and explain take clips$/,
  });
  const predicted = { info: {}, masks: new Map() } as never;
  t.throws(() => set.batches('train', { ...walk, frames: 2, predicted }), {
    message: /holds clips; composites and predicted masks are made of images alone$/,
  });
  const rule = { classes: ['a'], multiLabel: false };
  const image = { encoded: await frame(0), format: 'png', filename: 'a', labels: [0], objects: [] };
  const asClip = encodeExample({ ...image, height: 4, frames: 3 }, rule.classes);
  t.throws(() => decodeExample(encodeExample(image, rule.classes), { ...rule, clips: true }, 'r'), {
    instanceOf: DataError,
    message: 'r: feature image/frames: is absent, and the data set holds clips',
  });
  t.throws(() => decodeExample(asClip, rule, 'r'), {
    message: 'r: feature image/frames: is of a clip, and the data set holds images',
  });
  t.throws(() => decodeExample(asClip, { ...rule, clips: true }, 'r'), {
    message: 'r: feature image/frames: 3 frames do not lie in a picture of height 4',
  });
});

test('where no clips lie, it is said', async (t) => {
  const dir = await temporary(t);
  await frames(join(dir, 'loose'), [1, 2]);
  await t.throwsAsync(findClips(dir), {
    instanceOf: DataError,
    message: /: loose: expected .*<class>.<clip> or .*, all alike$/,
  });
  await mkdir(join(dir, 'empty'));
  await t.throwsAsync(findClips(join(dir, 'empty')), { message: /it holds no clips: expected/ });
  const other = await source(t);
  await volume(join(other, 'masks/bright/a.npy'), [1]);
  const found = await findClips(join(other, 'clips'), { masks: join(other, 'masks') });
  await t.throwsAsync(importExamples(found, join(other, 'set')), {
    instanceOf: DataError,
    message: /a\.npy: the mask has 1 frames of 6x4, its clip 6 of 6x4 \(width x height\)$/,
  });
  await t.throwsAsync(findClips(other, { frames: 0 }), {
    instanceOf: UsageError,
    message: 'frames: expected a whole number of at least 1, received 0',
  });
});

/** Middle of a mask and its size, in one frame. */
function middle(mask: Float32Array, size: number, at: number) {
  let [x, y, area] = [0, 0, 0];
  for (let i = 0; i < size * size; i++) {
    if (mask[at * size * size + i] === 0) continue;
    area++;
    x += i % size;
    y += Math.trunc(i / size);
  }
  return { x: x / area, y: y / area, area };
}

test('moving shapes: the class is what the masked shape does', async (t) => {
  const dir = await temporary(t);
  const drawn = { train: 2, trainFullsup: 40, val: 0, test: 0 };
  const { info, generated } = await generateDrawn('moving-shapes', dir, drawn);
  t.true(generated);
  t.false((await generateDrawn('moving-shapes', dir, drawn)).generated);
  t.deepEqual(info.classes, ['left', 'right', 'up', 'down', 'grow', 'shrink']);
  const set = await openDataset(dir);
  t.teardown(() => set.close());
  t.is((await set.labelStatistics('train')).withMasks, 0);
  const batch = await only(
    set.batches('train-fullsup', { batchSize: 40, imageSize: [32, 32], frames: 8, workers: 0 }),
  );
  const does: Record<string, (a: ReturnType<typeof middle>, b: ReturnType<typeof middle>) => boolean> = {
    left: (a, b) => b.x < a.x - 5 && Math.abs(b.y - a.y) < 2.5,
    right: (a, b) => b.x > a.x + 5 && Math.abs(b.y - a.y) < 2.5,
    up: (a, b) => b.y < a.y - 5 && Math.abs(b.x - a.x) < 2.5,
    down: (a, b) => b.y > a.y + 5 && Math.abs(b.x - a.x) < 2.5,
    grow: (a, b) => b.area > 2 * a.area && Math.hypot(b.x - a.x, b.y - a.y) < 3,
    shrink: (a, b) => a.area > 2 * b.area && Math.hypot(b.x - a.x, b.y - a.y) < 3,
  };
  t.is(batch.masks.length, 40);
  const right = batch.masks.filter(({ class: c, mask }) =>
    does[info.classes[c]!]!(middle(mask, 32, 0), middle(mask, 32, 7)),
  );
  // Now and then the other shape stands before it.
  t.true(right.length >= 36, `${right.length} of 40`);
  const seen = new Set(batch.masks.map(({ class: c }) => c));
  t.is(seen.size, 6);
  await t.throwsAsync(generateDrawn('moving-shapes', dir, { ...drawn, frames: 1 }), {
    instanceOf: UsageError,
    message: /^option of moving-shapes: frames/,
  });
});
