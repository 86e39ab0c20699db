import { join } from 'node:path';
import test from 'ava';
import { type CsvOptions, findCifar, findCsv, findCub, importExamples } from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { drawn, files, firstBatch, grey, mask, rounded, told } from './import-files.ts';

const cub = async () => ({
  'images.txt': '1 001.Auk/Auk 1.png\r\n2 002.Jay/Jay.png\r\n',
  'classes.txt': '1 001.Auk\r\n2 002.Jay\r\n',
  'image_class_labels.txt': '1 1\r\n2 2\r\n',
  'train_test_split.txt': '1 1\n2 0\n',
  'bounding_boxes.txt': '1 2.0 0.0 4.0 3.0\n2 4.0 3.0 9.0 3.0\n',
  'images/001.Auk/Auk 1.png': await grey(10),
  'images/002.Jay/Jay.png': await grey(20),
});

test('cub: classes, split, boxes, segmentations by most annotators, Windows line ends', async (t) => {
  const dir = files(t, {
    ...(await cub()),
    'segmentations/001.Auk/Auk 1.png': await mask(8, 6, (x, y) => (y > 0 ? 0 : x < 2 ? 102 : 153)),
  });
  const out = join(dir, 'out');
  const { info, notes, masks, boxes } = await importExamples(await findCub(dir), out);
  t.deepEqual([info.classes, info.multiLabel, masks, boxes], [['001.Auk', '002.Jay'], false, 1, 2]);
  const train = await firstBatch(t, out, 'train');
  t.deepEqual([...train.labels], [1, 0]);
  t.deepEqual(rounded(train.boxes), [[0.25, 0, 0.75, 0.5]]);
  t.deepEqual(drawn(train.masks[0]!.mask, 8).slice(0, 2), ['..######', '........']);
  t.deepEqual(rounded((await firstBatch(t, out, 'test')).boxes), [[0.5, 0.5, 1, 1]]);
  t.deepEqual(
    told(notes).map(({ what, where }) => [what, where]),
    [
      [
        'boxes clipped to their image',
        [`${join(dir, 'bounding_boxes.txt')}:2: box 4.0 3.0 9.0 3.0, image 8x6`],
      ],
    ],
  );
});

test('cub: what is broken is named with its line', async (t) => {
  const attempt = async (file: string, content: string, message: string) => {
    const dir = files(t, { ...(await cub()), [file]: content });
    const source = findCub(dir).then((found) => importExamples(found, join(dir, 'out')));
    await t.throwsAsync(source, { instanceOf: DataError, message: message.replace('DIR', dir) });
  };
  await attempt(
    'image_class_labels.txt',
    '1 1\n2 7\n',
    'DIR/image_class_labels.txt:2: class 7 is not in classes.txt',
  );
  await attempt(
    'image_class_labels.txt',
    '1 1\n',
    'DIR/images.txt:2: image 2 has no line in image_class_labels.txt',
  );
  await attempt(
    'train_test_split.txt',
    '1 1\n2 x\n',
    'DIR/train_test_split.txt:2: expected 1 (train) or 0 (test), found x',
  );
  await attempt(
    'bounding_boxes.txt',
    '1 1 2 3\n2 1 2 3 4\n',
    'DIR/bounding_boxes.txt:1: expected x, y, width, height, found 1 2 3',
  );
  await attempt('images.txt', '1 a.png\n\n1 b.png\n', 'DIR/images.txt:3: the id 1 occurs twice');
  await attempt('classes.txt', '1\n', 'DIR/classes.txt:1: expected an id and a value, found "1"');
});

const imported = async (t: Parameters<typeof files>[0], csv: string, options?: CsvOptions) => {
  const dir = files(t, {
    'list.csv': csv,
    'ü 1.png': await grey(10),
    'a,b.png': await grey(20),
    'c.png': await grey(30),
  });
  const summary = await importExamples(await findCsv(join(dir, 'list.csv'), options), join(dir, 'out'));
  return { ...summary, dir, out: join(dir, 'out') };
};

test('csv: quoted fields, Windows line ends, a byte order mark, several rows for an image', async (t) => {
  const csv =
    '\uFEFFFilename,class,split,xmin,ymin,xmax,ymax\r\n"ü 1.png","king, red",train,0,0,4,3\r\n\r\n"a,b.png",ace,test,,,,\r\n"ü 1.png",ace,train,4,3,12,6\r\n';
  const { info, out, boxes, notes, dir } = await imported(t, csv);
  t.deepEqual([info.classes, info.multiLabel, boxes], [['ace', 'king, red'], true, 2]);
  const train = await firstBatch(t, out, 'train');
  t.deepEqual([...train.labels], [1, 1]);
  t.deepEqual(rounded(train.boxes), [
    [0, 0, 0.5, 0.5],
    [0.5, 0.5, 1, 1],
  ]);
  t.deepEqual([...(await firstBatch(t, out, 'test')).labels], [1, 0]);
  t.deepEqual(told(notes)[0]!.where, ['c.png']);
  t.deepEqual(told(notes)[1]!.where, [`${join(dir, 'list.csv')}:5: box 4, 3, 12, 6, image 8x6`]);
});

test('csv: own column names, extents from 0 to 1, several labels in a cell, semicolons', async (t) => {
  const boxes = await imported(t, 'photo;breed;x;y;w;h\nc.png;cat;0.5;0;0.25;1\n', {
    columns: { file: 'photo', label: 'Breed' },
    boxes: 'normalized',
    delimiter: ';',
  });
  t.false(boxes.info.multiLabel);
  t.deepEqual(rounded((await firstBatch(t, boxes.out, 'train')).boxes), [[0.5, 0, 0.75, 1]]);
  const labels = await imported(t, 'file,label\nc.png,cat|dog\n"a,b.png",\n', { labelSeparator: '|' });
  t.deepEqual([...(await firstBatch(t, labels.out, 'train')).labels], [1, 1, 0, 0]);
});

test('csv: what is broken is named with its line', async (t) => {
  const attempt = (
    csv: string,
    message: RegExp,
    options?: CsvOptions,
    type: typeof DataError | typeof UsageError = DataError,
  ) => t.throwsAsync(imported(t, csv, options), { instanceOf: type, message });
  await attempt('file,label\nc.png,cat\ngone.png,cat\n', /list\.csv:3: .*gone\.png does not exist$/);
  await attempt('file,label\nc.png,cat\n,cat\n', /list\.csv:3: the file is not named$/);
  await attempt('file,label\nc.png\n', /list\.csv:2: has 1 cells, the header 2$/);
  await attempt('file,label\n"c.png,cat\n', /list\.csv:\d: Quote Not Closed/);
  await attempt(
    'file,label,x,y,w,h\nc.png,cat,1,2,three,4\n',
    /list\.csv:2: w: expected a number, found "three"$/,
  );
  await attempt('file,label\nc.png,cat\n', /list\.csv:2: class cat is not one of dog$/, { classes: ['dog'] });
  await attempt(
    'a,label\nc.png,cat\n',
    /list\.csv:1: no column is known to hold the file; it has a, label /,
    {},
    UsageError,
  );
  await attempt(
    'file,label,xmin,ymin\nc.png,cat,1,2\n',
    /of the box xmin, ymin, xmax, ymax it has only xmin, ymin$/,
    {},
    UsageError,
  );
  await attempt(
    'file,label\nc.png,cat\n',
    /list\.csv:1: has no column breed; it has file, label$/,
    { columns: { label: 'breed' } },
    UsageError,
  );
  await t.throwsAsync(findCsv('/nowhere/x.csv'), {
    instanceOf: DataError,
    message: '/nowhere/x.csv: no such file',
  });
});

/** A record of CIFAR: labels, then planes of one red, green and blue. */
const record = (labels: number[], color: [number, number, number]) =>
  Buffer.concat([Buffer.from(labels), ...color.map((value) => Buffer.alloc(1024, value))]);

test('cifar: 10 and 100, fine and coarse', async (t) => {
  const ten = files(t, {
    'batches.meta.txt': 'plane\ncar\n\n',
    'data_batch_1.bin': Buffer.concat([record([1], [10, 20, 30]), record([0], [40, 50, 60])]),
    'test_batch.bin': record([1], [7, 8, 9]),
  });
  const out = join(ten, 'out');
  const { info } = await importExamples(await findCifar(ten), out);
  t.deepEqual(info.classes, ['plane', 'car']);
  const batch = await firstBatch(t, out, 'train', [32, 32]);
  t.deepEqual([...batch.labels], [0, 1, 1, 0]);
  const pixels = Array.from(batch.images, (value) => Math.round(value * 255));
  t.deepEqual(
    [pixels.slice(0, 3), pixels.slice(-3)],
    [
      [10, 20, 30],
      [40, 50, 60],
    ],
  );
  t.is((await firstBatch(t, out, 'test', [32, 32])).size, 1);

  const hundred = files(t, {
    'fine_label_names.txt': 'cat\ndog\noak\n',
    'coarse_label_names.txt': 'animal\ntree\n',
    'train.bin': record([1, 2], [1, 2, 3]),
    'test.bin': record([0, 1], [1, 2, 3]),
  });
  t.deepEqual(
    (await findCifar(hundred)).items.map(({ split, labels }) => [split, labels]),
    [
      ['test', [1]],
      ['train', [2]],
    ],
  );
  const coarse = await findCifar(hundred, { labels: 'coarse' });
  t.deepEqual(
    [coarse.classes, coarse.items.map(({ labels }) => labels)],
    [
      ['animal', 'tree'],
      [[0], [1]],
    ],
  );
});

test('cifar: what is broken is named', async (t) => {
  const names = { 'batches.meta.txt': 'plane\n' };
  const attempt = async (content: Record<string, string | Buffer>, message: RegExp) => {
    await t.throwsAsync(findCifar(files(t, content)), { instanceOf: DataError, message });
  };
  await attempt(
    { ...names, 'data_batch_1.bin': Buffer.alloc(3000) },
    /has 3000 bytes, which is no multiple of the 3073 of a record$/,
  );
  await attempt(
    { ...names, 'data_batch_1.bin': record([3], [0, 0, 0]) },
    /record 0: class 3 is out of range: 1 classes are named$/,
  );
  await attempt({ 'data_batch_1.bin': record([0], [0, 0, 0]) }, /batches\.meta\.txt: no such file$/);
  await attempt(names, /holds neither data_batch_1\.bin/);
});
