import { join } from 'node:path';
import test from 'ava';
import { type ImportItem, importExamples, openDataset } from '../../src/data/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { files, grey } from './import-files.ts';

const encoded = await grey(1);

/** Images of 8x6 with the given labels, called by their number. */
const sourceOf = (labels: number[][], classes: string[], splits: string[] = []) => ({
  format: 'test',
  classes,
  multiLabel: true,
  items: labels.map(
    (found, i): ImportItem => ({
      split: splits[i] ?? 'train',
      labels: found,
      load: async () => ({ encoded, format: 'png', filename: String(i), labels: found, objects: [] }),
    }),
  ),
});

test('fractions give every class its share in every split', async (t) => {
  // 100 images of a common class, 10 of a rare one, in blocks.
  const source = sourceOf([...Array(100).fill([0]), ...Array(10).fill([0, 1])], ['common', 'rare']);
  const out = files(t, {});
  const fractions = { 'train-weaksup': 0.7, 'train-fullsup': 0.1, test: 0.2 };
  const { info } = await importExamples(source, out, { fractions });
  t.deepEqual(
    Object.entries(info.splits).map(([split, { examples }]) => [split, examples]),
    [
      ['train-weaksup', 77],
      ['train-fullsup', 11],
      ['test', 22],
    ],
  );
  const dataset = await openDataset(out);
  const rare = Object.keys(fractions).map(
    async (split) => (await dataset.labels(split)).filter(({ labels }) => labels.includes(1)).length,
  );
  t.deepEqual(await Promise.all(rare), [7, 1, 2]);
  const order = (await dataset.labels('test')).map(({ labels }) => labels.length);
  t.notDeepEqual(order, order.toSorted(), 'the classes of a split are mixed');
  await dataset.close();
});

test('fractions of one split leave the others alone', async (t) => {
  const splits = [...Array(10).fill('train'), 'test', 'test'];
  const source = sourceOf(Array(12).fill([0]), ['c'], splits);
  const out = files(t, {});
  const fractions = { 'train-weaksup': 0.8, 'train-fullsup': 0.2 };
  const { info } = await importExamples(source, out, { fractions, fractionsOf: 'train' });
  t.deepEqual(
    Object.entries(info.splits).map(([split, { examples }]) => [split, examples]),
    [
      ['train-weaksup', 8],
      ['train-fullsup', 2],
      ['test', 2],
    ],
  );
  await t.throwsAsync(importExamples(source, out, { fractions, fractionsOf: 'val' }), {
    instanceOf: UsageError,
    message: 'there is no split val to deal out; the source has train, test',
  });
});

test('single-label images alone, before they are dealt out', async (t) => {
  const source = sourceOf([[0], [0, 1], [], [1], [0], [1]], ['a', 'b']);
  const { info, notes, perClass } = await importExamples(source, files(t, {}), {
    singleLabel: true,
    fractions: { train: 0.5, test: 0.5 },
  });
  t.deepEqual([info.multiLabel, perClass], [false, [2, 2]]);
  t.deepEqual([info.splits.train!.examples, info.splits.test!.examples], [2, 2]);
  t.deepEqual(notes, [{ what: 'images left out, they hold not exactly one class', count: 2, where: [] }]);
});

test('a number of shards, or a size', async (t) => {
  const source = sourceOf(Array(7).fill([0]), ['c']);
  const out = join(files(t, {}), 'out');
  const byNumber = await importExamples(source, out, { shards: 3 });
  t.deepEqual(
    byNumber.info.splits.train!.shards,
    [0, 1, 2].map((i) => `train-0000${i}-of-00003.tfrecord`),
  );
  const dataset = await openDataset(out);
  t.deepEqual(
    (await dataset.labels('train')).map(({ filename }) => filename),
    ['0', '3', '6', '1', '4', '2', '5'],
  );
  await dataset.close();
  t.is((await importExamples(source, out, { shardBytes: 300 })).info.splits.train!.shards.length, 4);
  t.is((await importExamples(source, out, { shards: 9 })).info.splits.train!.shards.length, 7);
  for (const options of [{ shards: 0 }, { shards: 1.5 }, { shardBytes: 0 }]) {
    await t.throwsAsync(importExamples(source, out, options), { instanceOf: UsageError });
  }
});
