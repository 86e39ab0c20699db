import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import sharp from 'sharp';
import { findFolders, findIdx, findVoc, importExamples, openDataset } from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { callProgram } from '../programs/call-program.ts';
import { idx } from './idx-file.ts';
import { files, firstBatch, grey, mask, told } from './import-files.ts';

test('idx: images and labels, compressed or not, t10k as test', async (t) => {
  const dir = files(t, {
    'train-images-idx3-ubyte.gz': gzipSync(idx([3, 2, 2], [0, 1, 2, 3, 10, 11, 12, 13, 250, 251, 252, 253])),
    'train-labels-idx1-ubyte': idx([3], [1, 0, 2]),
    't10k-images-idx3-ubyte': idx([1, 2, 2], [9, 9, 9, 9]),
    't10k-labels-idx1-ubyte.gz': gzipSync(idx([1], [1])),
  });
  const out = join(dir, 'out');
  const { info, perClass } = await importExamples(await findIdx(dir), out, { name: 'digits' });
  t.deepEqual([info.name, info.classes, info.multiLabel], ['digits', ['0', '1', '2'], false]);
  t.deepEqual(
    Object.entries(info.splits).map(([split, { examples }]) => [split, examples]),
    [
      ['train', 3],
      ['test', 1],
    ],
  );
  t.deepEqual(perClass, [1, 2, 1]);
  const batch = await firstBatch(t, out, 'train', [2, 2]);
  t.deepEqual(
    Array.from(batch.images, (value) => Math.round(value * 255)).filter((_, i) => i % 3 === 1),
    [0, 1, 2, 3, 10, 11, 12, 13, 250, 251, 252, 253],
  );
  t.deepEqual([...batch.labels], [0, 1, 0, 1, 0, 0, 0, 0, 1]);
});

test('idx: what is wrong is named', async (t) => {
  const images = idx([1, 2, 2], [9, 9, 9, 9]);
  const attempt = async (content: Record<string, Buffer>, message: RegExp, classes?: string[]) => {
    const dir = files(t, content);
    await t.throwsAsync(findIdx(dir, classes), { instanceOf: DataError, message });
  };
  const labels = { 'a-labels-idx1-ubyte': idx([1], [4]) };
  await attempt({ 'a-images-idx3-ubyte': images }, /a-labels-idx1-ubyte: no such file$/);
  await attempt(
    { 'a-images-idx3-ubyte': images.subarray(0, -1), ...labels },
    /has 19 bytes, its header \(1x2x2\) says 20$/,
  );
  await attempt(
    { 'a-images-idx3-ubyte': Buffer.from('hello, world, hello'), ...labels },
    /is no IDX file of unsigned bytes in 3 dimensions: it begins with 68656c6c$/,
  );
  await attempt(
    { 'a-images-idx3-ubyte': images, 'a-labels-idx1-ubyte': idx([2], [0, 0]) },
    /has 2 labels for 1 images in a-images-idx3-ubyte$/,
  );
  await attempt(
    { 'a-images-idx3-ubyte': images, ...labels },
    /label 0: class 4 is out of range: 2 classes are named$/,
    ['x', 'y'],
  );
  await attempt({}, /holds no file like train-images-idx3-ubyte/);
  await t.throwsAsync(findIdx('/nowhere/at/all'), {
    instanceOf: UsageError,
    message: '/nowhere/at/all: no such folder',
  });
});

test('folder: classes, splits, masks, and images that need a change', async (t) => {
  const corner = await mask(8, 6, (x, y) => Number(x >= 4 && y < 3));
  const dir = files(t, {
    'in/train/cat/1.png': await grey(10),
    'in/train/cat/2.gif': await grey(20, 8, 6, 'gif'),
    'in/train/dog/1.jpg': await grey(30, 6, 8, 'jpeg', 6),
    'in/train/dog/notes.txt': 'no image',
    'in/train/dog/.hidden.png': 'no image',
    'in/test/dog/1.png': await grey(40),
    'masks/train/cat/1.png': corner,
  });
  const out = join(dir, 'out');
  const summary = await importExamples(
    await findFolders(join(dir, 'in'), { masks: join(dir, 'masks') }),
    out,
  );
  t.deepEqual([summary.info.classes, summary.perClass, summary.masks], [['cat', 'dog'], [2, 2], 1]);
  const batch = await firstBatch(t, out, 'train');
  t.deepEqual(
    [0, 1, 2].map((i) => Math.round(batch.images[i * 144]! * 255)),
    [10, 20, 30],
  );
  t.deepEqual(batch.boxes, [{ sample: 0, class: 0, xmin: 0.5, ymin: 0, xmax: 1, ymax: 0.5 }]);
  t.deepEqual(
    [...batch.masks[0]!.mask].map((value, i) => value === Number(i % 8 >= 4 && i < 24)).every(Boolean),
    true,
  );
  t.is((await firstBatch(t, out, 'test')).size, 1);
});

test('folder: an empty class, a broken image, a mask of another size: named, or skipped and counted', async (t) => {
  const dir = files(t, {
    'in/cat/1.png': await grey(10),
    'in/cat/2.png': await grey(20),
    'in/cat/3.jpg': (await grey(30, 64, 64, 'jpeg')).subarray(0, 200),
    'in/dog/nothing.txt': '',
    'masks/cat/2.png': await grey(255, 6, 8),
  });
  const options = { masks: join(dir, 'masks') };
  const source = await findFolders(join(dir, 'in'), options);
  const out = join(dir, 'out');
  await t.throwsAsync(importExamples(source, out), {
    instanceOf: DataError,
    message: `${join(dir, 'in', 'dog')}: the class folder holds no image`,
  });
  await t.throwsAsync(importExamples({ ...source, problems: [] }, out), {
    instanceOf: DataError,
    message: `${join(dir, 'masks', 'cat', '2.png')}: mask is 6x8, its image 8x6 (width x height)`,
  });
  t.deepEqual(readdirSync(out), []);
  const summary = await importExamples(source, out, { skipBad: true });
  t.is(summary.info.splits.train!.examples, 1);
  t.is(summary.skipped.length, 3);
  t.true(summary.skipped[2]!.startsWith(`${join(dir, 'in', 'cat', '3.jpg')}: image cannot be decoded: `));
});

test('fractions deal all images out to new splits, by a seed', async (t) => {
  const content: Record<string, Uint8Array> = {};
  for (let i = 0; i < 10; i++) content[`in/${i % 2 ? 'odd' : 'even'}/${i}.png`] = await grey(i);
  const dir = files(t, content);
  const source = await findFolders(join(dir, 'in'));
  const names = async (splitSeed: number) => {
    const out = join(dir, 'out');
    await importExamples(source, out, { fractions: { train: 0.7, val: 0.1, test: 0.2 }, splitSeed });
    const dataset = await openDataset(out);
    return Promise.all(
      ['train', 'val', 'test'].map(async (split) =>
        (await dataset.labels(split)).map(({ filename }) => filename),
      ),
    );
  };
  const first = await names(1);
  t.deepEqual(
    first.map((split) => split.length),
    [7, 1, 2],
  );
  t.is(new Set(first.flat()).size, 10);
  t.deepEqual(await names(1), first);
  t.notDeepEqual(await names(2), first);
  await t.throwsAsync(importExamples(source, join(dir, 'out'), { fractions: { train: 0.9, test: 0.2 } }), {
    instanceOf: UsageError,
    message: /positive and sum to at most 1/,
  });
});

test('larger images are shrunk to the longest side, masks with them', async (t) => {
  const left = await mask(40, 20, (x) => (x < 20 ? 255 : 0));
  const dir = files(t, { 'in/cat/1.png': await grey(10, 40, 20), 'masks/cat/1.png': left });
  const out = join(dir, 'out');
  await importExamples(await findFolders(join(dir, 'in'), { resize: 16, masks: join(dir, 'masks') }), out);
  const batch = await firstBatch(t, out, 'train', [8, 16]);
  t.deepEqual(
    [...batch.masks[0]!.mask],
    Array.from({ length: 128 }, (_, i) => Number(i % 16 < 8)),
  );
});

const object = (name: string, [xmin, ymin, xmax, ymax]: number[], more = '') =>
  `<object>\n<name>${name}</name>${more}<bndbox><xmin>${xmin}</xmin><ymin>${ymin}</ymin><xmax>${xmax}</xmax><ymax>${ymax}</ymax></bndbox></object>\n`;
const annotation = (filename: string, [width, height]: number[], ...objects: string[]) =>
  `<annotation>\n<filename>${filename}</filename>\n<size><width>${width}</width><height>${height}</height><depth>3</depth></size>\n${objects.join('')}</annotation>\n`;

test('voc: XML beside the images, with the oddities that real sets have', async (t) => {
  const dir = files(t, {
    'train/a.png': await grey(10),
    'train/a.xml': annotation(
      'a.png',
      [8, 6],
      object('king', [1, 1, 4, 3]),
      object('ace', [3, 4, 99, 6], '<difficult>1</difficult>'),
    ),
    // The annotation's size is 0x0, and its file name that of another machine.
    'train/b.JPG': await grey(20, 8, 6, 'jpeg'),
    'train/b.xml': annotation('elsewhere.jpg', [0, 0], object('ace', [5, 1, 8, 6])),
    // Annotated as the photo lies: 8x6 in the file, 6x8 upright.
    'test/c.jpg': await grey(30, 8, 6, 'jpeg', 6),
    'test/c.xml': annotation('c.jpg', [8, 6], object('king', [1, 1, 4, 3])),
    // Annotated upright.
    'test/d.jpg': await grey(40, 8, 6, 'jpeg', 6),
    'test/d.xml': annotation('d.jpg', [6, 8], object('king', [1, 1, 3, 4])),
  });
  const out = join(dir, 'out');
  const { info, perClass, boxes } = await importExamples(await findVoc(dir), out);
  t.deepEqual([info.classes, info.multiLabel, perClass, boxes], [['ace', 'king'], true, [2, 3], 5]);
  t.deepEqual(Object.keys(info.splits), ['train', 'test']);
  const train = await firstBatch(t, out, 'train');
  t.deepEqual([...train.labels], [1, 1, 1, 0]);
  t.deepEqual(train.boxes, [
    { sample: 0, class: 1, xmin: 0, ymin: 0, xmax: 0.5, ymax: 0.5 },
    { sample: 0, class: 0, xmin: 0.25, ymin: 0.5, xmax: 1, ymax: 1 },
    { sample: 1, class: 0, xmin: 0.5, ymin: 0, xmax: 1, ymax: 1 },
  ]);
  // Orientation 6 turns the stored upper left quarter to the upper right.
  const upright = (await firstBatch(t, out, 'test', [8, 6])).boxes;
  t.deepEqual(upright, [
    { sample: 0, class: 1, xmin: 0.5, ymin: 0, xmax: 1, ymax: 0.5 },
    { sample: 1, class: 1, xmin: 0, ymin: 0, xmax: 0.5, ymax: 0.5 },
  ]);
  const dropped = await importExamples(await findVoc(dir, { dropDifficult: true }), out);
  t.deepEqual(dropped.perClass, [1, 3]);
});

test('voc: the development kit with its lists and masks', async (t) => {
  // Two objects side by side, in VOC's palette: 1 is dark red, 2 dark green; 255 the rim.
  const colors = { 0: [0, 0, 0], 1: [128, 0, 0], 2: [0, 128, 0], 255: [224, 224, 192] } as const;
  const row = [1, 1, 1, 255, 2, 2, 2, 0] as const;
  const segmentation = await sharp(
    Uint8Array.from(Array.from({ length: 6 }, () => row.flatMap((index) => colors[index])).flat()),
    { raw: { width: 8, height: 6, channels: 3 } },
  )
    .png({ palette: true })
    .toBuffer();
  const both = annotation('a.png', [8, 6], object('cat', [1, 1, 3, 6]), object('dog', [5, 1, 7, 6]));
  const content = {
    'JPEGImages/a.png': await grey(10),
    'JPEGImages/b.png': await grey(20),
    'Annotations/a.xml': both,
    'Annotations/b.xml': annotation('b.png', [8, 6], object('dog', [1, 1, 8, 6])),
    'ImageSets/Main/train.txt': 'a\n',
    'ImageSets/Main/val.txt': 'b 1\n',
    'ImageSets/Main/trainval.txt': 'a\nb\n',
    'ImageSets/Main/cat_train.txt': 'a 1\n',
  };
  for (const folder of ['SegmentationObject', 'SegmentationClass']) {
    const dir = files(t, { ...content, [`${folder}/a.png`]: segmentation });
    const out = join(dir, 'out');
    const { info, masks } = await importExamples(await findVoc(dir), out);
    t.deepEqual(
      Object.entries(info.splits).map(([split, { examples }]) => [split, examples]),
      [
        ['train', 1],
        ['val', 1],
      ],
    );
    t.is(masks, 2);
    const batch = await firstBatch(t, out, 'train');
    t.deepEqual([...batch.masks[0]!.mask.subarray(0, 8)], [1, 1, 1, 0, 0, 0, 0, 0], folder);
    t.deepEqual([...batch.masks[1]!.mask.subarray(40)], [0, 0, 0, 0, 1, 1, 1, 0], folder);
  }
});

const bad: [what: string, xml: string, message: RegExp][] = [
  ['XML that is none', '<annotation>\n<object>\n</annotation>', /a\.xml:\d: /],
  ['another root', '<html></html>', /a\.xml:1: expected <annotation>$/],
  [
    'a side that is no number',
    annotation('a.png', [8, 6], object('ace', [1, 1, 2, 2]).replace('<xmax>2', '<xmax>two')),
    /a\.xml:4: object\.bndbox\.xmax: /,
  ],
  [
    'an object without a box',
    annotation('a.png', [8, 6], '<object><name>ace</name></object>'),
    /a\.xml:4: object\.bndbox: /,
  ],
];
for (const [what, xml, message] of bad) {
  test(`voc: ${what} is named with its line`, async (t) => {
    const dir = files(t, {
      'a.png': await grey(10),
      'a.xml': xml,
      'b.png': await grey(10),
      'b.xml': annotation('b.png', [8, 6], object('ace', [1, 1, 2, 2])),
    });
    const out = join(dir, 'out');
    await t.throwsAsync(importExamples(await findVoc(dir), out), { instanceOf: DataError, message });
    const { info, skipped } = await importExamples(await findVoc(dir), out, { skipBad: true });
    t.deepEqual([info.splits.train!.examples, skipped.length], [1, 1]);
  });
}

test('voc: boxes beyond the image, outside it, and without area', async (t) => {
  const dir = files(t, {
    'a.png': await grey(10),
    'a.xml': annotation(
      'a.png',
      [8, 6],
      object('king', [3, 1, 12, 6]),
      object('ace', [20, 1, 30, 6]),
      object('ten', [5, 5, 5, 5]),
      object('ten', [5, 5, 3, 5]),
    ),
    'b.png': await grey(20),
    'b.xml': annotation('b.png', [8, 6], object('ace', [0, 0, 0, 0])),
    'c.png': await grey(30),
    'c.xml': annotation('c.png', [8, 6]),
  });
  const out = join(dir, 'out');
  const { info, boxes, notes, perClass } = await importExamples(await findVoc(dir), out);
  t.deepEqual(
    [info.classes, perClass],
    [
      ['ace', 'king', 'ten'],
      [0, 1, 0],
    ],
  );
  t.is(boxes, 1);
  t.deepEqual(told(notes), [
    {
      what: 'boxes clipped to their image',
      count: 1,
      where: [`${join(dir, 'a.xml')}:4: king (3, 1) to (12, 6), image 8x6`],
    },
    {
      what: 'objects left out, their box lies outside the image',
      count: 1,
      where: [`${join(dir, 'a.xml')}:6: ace (20, 1) to (30, 6), image 8x6`],
    },
    {
      what: 'objects left out, their box has no area',
      count: 3,
      where: [
        `${join(dir, 'a.xml')}:8: ten (5, 5) to (5, 5)`,
        `${join(dir, 'a.xml')}:10: ten (5, 5) to (3, 5)`,
        `${join(dir, 'b.xml')}:4: ace (0, 0) to (0, 0)`,
      ],
    },
    { what: 'images left out, none of their objects could be used', count: 1, where: ['b.png'] },
  ]);
  t.deepEqual((await firstBatch(t, out, 'train')).boxes, [
    { sample: 0, class: 1, xmin: 0.25, ymin: 0, xmax: 1, ymax: 1 },
  ]);
});

test('voc: segmentations without XML: classes by number, objects where they are told apart', async (t) => {
  // 12 is dog, 15 person; two dogs as objects 1 and 2.
  const classNumbers = await mask(8, 6, (x) => [12, 12, 0, 12, 12, 255, 15, 15][x]!);
  const objectNumbers = await mask(8, 6, (x) => [1, 1, 0, 2, 2, 255, 3, 3][x]!);
  const content = {
    'JPEGImages/a b.png': await grey(10),
    'SegmentationClass/a b.png': classNumbers,
    'ImageSets/Segmentation/train.txt': 'a b\r\n',
  };
  const boxesOf = async (dir: string) => {
    const source = await findVoc(dir);
    t.deepEqual(source.items[0]!.labels, [11, 14]);
    await importExamples(source, join(dir, 'out'));
    const { boxes } = await firstBatch(t, join(dir, 'out'), 'train');
    return boxes.map((box) => [box.class, box.xmin, box.xmax]);
  };
  t.deepEqual(await boxesOf(files(t, content)), [
    [11, 0, 0.625],
    [14, 0.75, 1],
  ]);
  const dir = files(t, { ...content, 'SegmentationObject/a b.png': objectNumbers });
  t.deepEqual(await boxesOf(dir), [
    [11, 0, 0.25],
    [11, 0.375, 0.625],
    [14, 0.75, 1],
  ]);
  await t.throwsAsync(importExamples(await findVoc(dir, { classes: ['x', 'y'] }), join(dir, 'out')), {
    instanceOf: DataError,
    message: `${join(dir, 'SegmentationClass', 'a b.png')}: holds the number 12, but there are 2 classes`,
  });
});

test('voc: an image that does not exist, and a class that is not among the named', async (t) => {
  const dir = files(t, { 'a.xml': annotation('a.png', [8, 6], object('king', [1, 1, 2, 2])) });
  await t.throwsAsync(importExamples(await findVoc(dir), join(dir, 'out')), {
    instanceOf: DataError,
    message: `${join(dir, 'a.xml')}: its image ${join(dir, 'a.png')} does not exist`,
  });
  writeFileSync(join(dir, 'a.png'), await grey(1));
  await t.throwsAsync(importExamples(await findVoc(dir, { classes: ['ace', 'queen'] }), join(dir, 'out')), {
    instanceOf: DataError,
    message: `${join(dir, 'a.xml')}:4: class king is not one of ace, queen`,
  });
});

const run = (...args: string[]) => callProgram('import', ...args);

test.serial('npm run import: summary on stdout, progress on stderr, exit codes', async (t) => {
  const dir = files(t, {
    'in/cat/1.png': await grey(10),
    'in/dog/1.png': await grey(20),
    'in/dog/2.jpg': (await grey(30, 64, 64, 'jpeg')).subarray(0, 200),
  });
  const args = ['folder', '--dir', join(dir, 'in'), '--out', join(dir, 'pets')];
  const stopped = await run(...args);
  t.is(stopped.code, 3);
  t.regex(stopped.stderr, /DataError: .*2\.jpg: image cannot be decoded: /);
  t.is(stopped.stdout, '');
  const done = await run(...args, '--skip-bad');
  t.is(done.code, 0);
  t.regex(
    done.stdout,
    /pets, one label per image.*\n {2}train: 2 images in 1 shards\n {2}class 0 cat: 1 images\n {2}class 1 dog: 1 images\nleft out, because broken: 1\n/,
  );
  t.regex(done.stderr, /importing folder: 3\/3/);
  const wrong = await run('folder', '--dri', 'x');
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /^UsageError: /m);
});
