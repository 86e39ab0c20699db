import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import test from 'ava';
import { Example, RecordWriter } from 'tfrecord-stream';
import { findTfrecords, importExamples } from '../../src/data/index.ts';
import { DataError } from '../../src/errors/index.ts';
import { drawn, files, firstBatch, grey, mask, rounded } from './import-files.ts';

type Values = { bytes: (string | Uint8Array)[] } | { floats: number[] } | { ints: number[] };

async function writeRecords(path: string, examples: Record<string, Values>[]): Promise<void> {
  const stream = createWriteStream(path);
  const writer = await RecordWriter.createFromStream(stream);
  for (const example of examples) {
    const feature = Object.fromEntries(
      Object.entries(example).map(([name, values]) => {
        if ('floats' in values) return [name, { floatList: { value: values.floats } }];
        if ('ints' in values) return [name, { int64List: { value: values.ints } }];
        return [name, { bytesList: { value: values.bytes.map((value) => Buffer.from(value)) } }];
      }),
    );
    await writer.writeRecord(Buffer.from(Example.encode({ features: { feature } }).finish()));
  }
  await writer.close();
  await finished(stream);
}

test('tfrecord: as TFDS writes them, with names, boxes as ymin, xmin, ymax, xmax, and crowds', async (t) => {
  const dir = files(t, { 'objects-label.labels.txt': 'cat\ndog\nox\n' });
  await writeRecords(join(dir, 'my_pets-train.tfrecord-00000-of-00001'), [
    {
      image: { bytes: [await grey(10)] },
      'image/filename': { bytes: ['ü.png'] },
      'objects/bbox': { floats: [0, 0.25, 0.5, 1, 0, 0, 1, 1] },
      'objects/label': { ints: [2, 0] },
      'objects/is_crowd': { ints: [0, 1] },
    },
  ]);
  await writeRecords(join(dir, 'my_pets-test.tfrecord-00000-of-00001'), [
    { image: { bytes: [await grey(20)] }, label: { ints: [1] } },
    { image: { bytes: [await grey(20)] }, label: { ints: [-1] } },
  ]);
  const out = join(dir, 'out');
  const { info, notes } = await importExamples(await findTfrecords(dir), out);
  t.deepEqual([info.classes, info.multiLabel], [['cat', 'dog', 'ox'], true]);
  t.is(notes[0]!.what, 'crowds, which give their image the class alone');
  const train = await firstBatch(t, out, 'train');
  t.deepEqual([...train.labels], [1, 0, 1]);
  t.deepEqual(rounded(train.boxes), [[0.25, 0, 1, 0.5]]);
  t.deepEqual([...(await firstBatch(t, out, 'test')).labels], [0, 1, 0, 0, 0, 0]);
});

const detection = async (label: number, side = 0.75) => ({
  'image/encoded': { bytes: [await grey(10)] },
  'image/format': { bytes: ['png'] },
  'image/width': { ints: [8] },
  'image/height': { ints: [6] },
  'image/object/bbox/xmin': { floats: [0.25] },
  'image/object/bbox/ymin': { floats: [0.5] },
  'image/object/bbox/xmax': { floats: [side] },
  'image/object/bbox/ymax': { floats: [1] },
  'image/object/class/label': { ints: [label] },
  'image/object/class/text': { bytes: [label === 3 ? 'dog' : 'cat'] },
  'image/object/mask': { bytes: [await mask(8, 6, (x, y) => Number(x >= 2 && x < 6 && y >= 3))] },
});

test('tfrecord: as the Object Detection API writes them, with and without a label map', async (t) => {
  const map =
    "# pets\nitem {\n  id: 3\n  name: 'dog'\n}\nitem {\n  name: \"n02\"\n  id: 1\n  display_name: 'a cat'\n}\n";
  const dir = files(t, { 'map.pbtxt': map });
  await writeRecords(join(dir, 'pet_train.record-00000-of-00002'), [await detection(3)]);
  await writeRecords(join(dir, 'pet_train.record-00001-of-00002'), [await detection(1, 1.5)]);
  const out = join(dir, 'out');
  const mapped = await importExamples(await findTfrecords(dir, { labelMap: join(dir, 'map.pbtxt') }), out);
  t.deepEqual([mapped.info.classes, mapped.masks], [['a cat', 'dog'], 2]);
  t.deepEqual(mapped.notes[0], {
    what: 'boxes clipped to their image',
    count: 1,
    where: [`${join(dir, 'pet_train.record-00001-of-00002')}, record 0, object 0, image 8x6`],
  });
  const batch = await firstBatch(t, out, 'train');
  t.deepEqual([...batch.labels], [0, 1, 1, 0]);
  t.deepEqual(rounded(batch.boxes), [
    [0.25, 0.5, 0.75, 1],
    [0.25, 0.5, 1, 1],
  ]);
  t.deepEqual(drawn(batch.masks[0]!.mask, 8).slice(2, 4), ['........', '..####..']);
  t.deepEqual((await findTfrecords(dir)).classes, ['cat', 'dog']);
  const unknown = await findTfrecords(dir, { classes: ['only'] });
  t.regex(
    unknown.problems![0]!.message,
    /pet_train\.record-00000-of-00002, record 0: the class 3 is not one of 0 only$/,
  );
});

test('tfrecord: a label map of 50,000 items is read item by item', async (t) => {
  const items = Array.from(
    { length: 50_000 },
    (_, i) => `item { id: ${50_000 - i} name: 'c${50_000 - i}' }\n`,
  );
  const dir = files(t, {
    'map.pbtxt': items.join(''),
    'twice.pbtxt': `${items.join('')}\nitem { id: 7 name: 'x' }`,
  });
  await writeRecords(join(dir, 'pet_train.record-00000-of-00001'), [await detection(3)]);
  const { classes } = await findTfrecords(dir, { labelMap: join(dir, 'map.pbtxt') });
  t.deepEqual([classes.length, classes[0], classes.at(-1)], [50_000, 'c1', 'c50000']);
  await t.throwsAsync(findTfrecords(dir, { labelMap: join(dir, 'twice.pbtxt') }), {
    message: /twice\.pbtxt:50002: the id 7 occurs twice$/,
  });
});

test('tfrecord: what is broken is named with file and record', async (t) => {
  const dir = files(t, {
    'bad.pbtxt': "item {\n id: 1\n name: 'a'\n}\nitem {\n id: 2\n}\n",
    'empty/x.txt': '',
  });
  const path = join(dir, 'a-train.tfrecord-00000-of-00001');
  const { 'image/object/bbox/xmax': _, ...half } = await detection(1);
  await writeRecords(path, [
    await detection(1),
    half,
    { 'image/encoded': { bytes: ['no image'] }, label: { ints: [1] } },
  ]);
  const source = await findTfrecords(dir);
  const out = join(dir, 'out');
  await t.throwsAsync(importExamples(source, out), {
    instanceOf: DataError,
    message: `${path}, record 1: feature image/object/bbox/xmax: is missing`,
  });
  await t.throwsAsync(importExamples({ ...source, problems: [] }, out), {
    instanceOf: DataError,
    message: new RegExp(`${path}, record 2: image cannot be decoded: `),
  });
  const { skipped, info } = await importExamples(source, out, { skipBad: true });
  t.deepEqual([skipped.length, info.splits.train!.examples], [2, 1]);
  await t.throwsAsync(findTfrecords(dir, { labelMap: join(dir, 'bad.pbtxt') }), {
    instanceOf: DataError,
    message: `${join(dir, 'bad.pbtxt')}:5: the item has no name`,
  });
  await t.throwsAsync(findTfrecords(join(dir, 'empty')), {
    instanceOf: DataError,
    message: /holds no TFRecord file/,
  });
});
