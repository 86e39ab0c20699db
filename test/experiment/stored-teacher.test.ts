import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { generateBiasedBoats, openDataset } from '../../src/data/index.ts';
import { type EngineName, startEngine } from '../../src/engine/index.ts';
import { batchToTensors } from '../../src/experiment/host-batch.ts';
import { placeMap, requireStorable, StoredTeacher } from '../../src/experiment/stored-teacher.ts';
import { type DistillationOptions, distillationTerms } from '../../src/gain/distillation/index.ts';
import { gainLoss } from '../../src/gain/objective/index.ts';
import { buildModel } from '../../src/models/index.ts';

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'cpu') as EngineName });
});

const close = (t: import('ava').ExecutionContext, actual: ArrayLike<number>, expected: number[]) =>
  expected.forEach((value, i) => {
    t.true(Math.abs(value - actual[i]!) < 1e-6, `${i}: ${actual[i]}, expected ${value}`);
  });

test('a map moves with its image: as a whole, mirrored, and a part of it', (t) => {
  const map = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7);
  const whole = { left: 0, top: 0, width: 1, height: 1, flip: false };
  close(t, placeMap(map, [2, 4], whole), [...map]);
  close(t, placeMap(map, [2, 4], { ...whole, flip: true }), [3, 2, 1, 0, 7, 6, 5, 4]);
  // The right half of the columns: cells at 1.75, 2.25, 2.75 and 3 (held at the edge).
  close(
    t,
    placeMap(map, [2, 4], { ...whole, left: 0.5, width: 0.5 }),
    [1.75, 2.25, 2.75, 3, 5.75, 6.25, 6.75, 7],
  );
  // The lower half of the rows, mirrored: 0.75 and, held, 1 of the way down.
  close(
    t,
    placeMap(map, [2, 4], { left: 0, top: 0.5, width: 1, height: 0.5, flip: true }),
    [6, 5, 4, 3, 7, 6, 5, 4],
  );
});

const options: DistillationOptions = {
  maps: { method: 'grad-cam', normalization: 'l2' },
  softTargets: { weight: 1 },
  explanation: { weight: 1 },
  similarity: { weight: 1 },
  attentionL1: { weight: 1 },
};

test('stored answers are those of the teacher, are made once, and again for another teacher', async (t) => {
  t.timeout(120_000);
  const dir = await mkdtemp(join(tmpdir(), 'stored-teacher-'));
  t.teardown(() => rm(dir, { recursive: true }));
  await generateBiasedBoats(dir, { train: 10, trainFullsup: 2, val: 1, test: 1, unbiased: 1, size: 32 });
  const dataset = await openDataset(dir);
  t.teardown(() => dataset.close());
  const network = (seed: number, widths: number[]) =>
    buildModel('small-cnn', { inputShape: [32, 32, 3], classes: 6, seed, widths });
  const [teacher, student] = [network(1, [4, 6]), network(2, [3, 4, 4])];

  const imageSize = [32, 32] as const;
  const made: [number, number][] = [];
  const open = (model = teacher) =>
    StoredTeacher.open(model, dataset, {
      splits: ['train', 'train-fullsup'],
      imageSize,
      fit: 'squash',
      batchSize: 8,
      workers: 0,
      maps: options.maps!,
      onProgress: (...progress) => made.push(progress),
    });
  const stored = await open();
  t.deepEqual(made, [
    [8, 12],
    [10, 12],
    [12, 12],
  ]);
  await open();
  t.is(made.length, 3, 'found, not made again');

  const batches = dataset.batches(['train', 'train-fullsup'], {
    batchSize: 5,
    imageSize,
    shuffle: 100,
    seed: 3,
    augment: null,
    workers: 0,
  });
  for await (const host of batches) {
    const batch = batchToTensors(host, imageSize, 6, 0);
    const values = [teacher, stored].map((source) => {
      const terms = distillationTerms(source, options).map((term) => ({ ...term, weight: 1 }));
      const weights = { classification: 0, mining: 0, supervision: 0 };
      const loss = gainLoss(student, batch, { weights, terms, training: false, link: 'sigmoid' });
      return Object.values(loss.terms).map((term) => term.dataSync()[0]!);
    });
    close(t, values[1]!, values[0]!);
  }

  await open(network(3, [4, 6]));
  t.is(made.length, 6, 'another teacher answers anew');
  t.is((await readdir(join(dir, 'teacher'))).length, 2);
});

test('what stored answers cannot say of an augmented image is refused, with the setting', (t) => {
  const { softTargets, ...maps } = options;
  const crop = { scale: [0.5, 1], ratio: [1, 1] } as const;
  t.notThrows(() => requireStorable(options, { flip: true }, 'squash'));
  t.notThrows(() => requireStorable(maps, { flip: true, crop, color: { hue: 0 } }, 'squash'));
  const refused: [DistillationOptions, Parameters<typeof requireStorable>[1], 'squash' | 'crop', RegExp][] = [
    [{ softTargets: softTargets! }, { crop }, 'squash', /not of a crop \(data\.augment\.crop\)/],
    [maps, { crop }, 'crop', /data\.fit: crop/],
    [maps, { color: { hue: 0.1 } }, 'squash', /data\.augment\.color/],
    [{ attentionTransfer: { weight: 1 } }, null, 'squash', /attentionTransfer/],
    [{ classAttention: { weight: 1 } }, null, 'squash', /classAttention/],
  ];
  for (const [what, augment, fit, message] of refused) {
    t.throws(() => requireStorable(what, augment, fit), { name: 'UsageError', message });
  }
});
