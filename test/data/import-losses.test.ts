import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import {
  findCifar,
  findCoco,
  findCsv,
  findFolders,
  findIdx,
  findTfrecords,
  findVoc,
  type ImportNote,
  type ImportOptions,
  type ImportSource,
  importExamples,
} from '../../src/data/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { idx } from './idx-file.ts';
import { drawn, files, firstBatch, grey, mask } from './import-files.ts';

// What an import must not lose in silence, by kind.

const run = (source: ImportSource, dir: string, options: ImportOptions = {}) =>
  importExamples(source, join(dir, 'out'), options);

/** What was told of a kind, as `count: places`, under a folder. */
function about(notes: readonly ImportNote[], what: RegExp, dir: string): string | undefined {
  const note = notes.find((candidate) => what.test(candidate.what));
  return note && `${note.count}: ${note.where.map((place) => place.replaceAll(`${dir}/`, '')).join('; ')}`;
}

const splitsOf = (splits: Record<string, { examples: number }>) =>
  Object.entries(splits).map(([split, { examples }]) => `${split} ${examples}`);

async function pets(t: ExecutionContext, more: Record<string, Uint8Array | string> = {}): Promise<string> {
  const content: Record<string, Uint8Array | string> = { ...more };
  for (const name of ['cat', 'dog']) {
    for (const i of [1, 2, 3]) content[`in/${name}/${i}.png`] = await grey(i);
  }
  return files(t, content);
}

// r01: what a folder can hold beside images of classes.

test('folder: a stray folder in a class stays out and is named; classes stay classes', async (t) => {
  const dir = await pets(t, {
    'in/dog/rejected/9.png': await grey(9),
    'in/dog/notes.txt': 'x',
    'in/dog/9.heic': 'x',
    'in/top.png': await grey(9),
    'in/cat/.DS_Store': 'x',
    'in/cat/Thumbs.db': 'x',
  });
  symlinkSync(join(dir, 'nowhere'), join(dir, 'in/cat/broken.png'));
  execFileSync('mkfifo', [join(dir, 'in/cat/pipe.png')]);
  const { info, notes } = await run(await findFolders(join(dir, 'in')), dir);
  t.deepEqual([info.classes, splitsOf(info.splits)], [['cat', 'dog'], ['train 6']]);
  t.is(about(notes, /folders left out, they lie inside a class/, dir), '1: in/dog/rejected (1 images)');
  t.is(about(notes, /no image of a known kind/, dir), '2: in/dog/9.heic; in/dog/notes.txt');
  t.is(about(notes, /outside of the class folders/, dir), '1: in/top.png');
  t.is(about(notes, /^hidden files/, dir), '2: in/cat/.DS_Store; in/cat/Thumbs.db');
  t.is(about(notes, /neither a file nor a folder/, dir), '2: in/cat/broken.png; in/cat/pipe.png');
});

test('folder: links to folders are folders, links to images are images', async (t) => {
  const dir = await pets(t, { 'store/fox/1.png': await grey(1) });
  symlinkSync(join(dir, 'store/fox'), join(dir, 'in/fox'));
  symlinkSync(join(dir, 'store/fox/1.png'), join(dir, 'in/cat/linked.png'));
  const { info, perClass } = await run(await findFolders(join(dir, 'in')), dir);
  t.deepEqual(
    [info.classes, perClass],
    [
      ['cat', 'dog', 'fox'],
      [4, 3, 1],
    ],
  );
});

test('folder: a stray image beside the classes of a split does not make the splits classes', async (t) => {
  const dir = files(t, {
    'in/train/cat/1.png': await grey(1),
    'in/train/dog/1.png': await grey(2),
    'in/train/stray.png': await grey(3),
    'in/val/cat/1.png': await grey(4),
    'in/extra/loose.png': await grey(5),
  });
  const { info, notes } = await run(await findFolders(join(dir, 'in')), dir);
  t.deepEqual(
    [info.classes, splitsOf(info.splits)],
    [
      ['cat', 'dog'],
      ['train 2', 'val 1'],
    ],
  );
  t.is(about(notes, /outside of the class folders/, dir), '2: in/extra/loose.png; in/train/stray.png');
});

test('folder: where it is not plain what the folders are, one has to say it', async (t) => {
  const dir = files(t, {
    'in/a/1.png': await grey(1),
    'in/a/x/1.png': await grey(1),
    'in/b/1.png': await grey(1),
    'in/c/x/1.png': await grey(1),
  });
  const source = findFolders(join(dir, 'in'));
  await t.throwsAsync(source, {
    instanceOf: DataError,
    message: /in\/a: holds the folder x, but .*classes or splits\?/,
  });
  const { classes } = await findFolders(join(dir, 'in'), { levels: 'split/class' });
  t.deepEqual(classes, ['x']);
});

test('folder: levels say what folders stand for, groups too', async (t) => {
  const dir = files(t, {
    'in/train/land/boat/1.png': await grey(1),
    'in/train/sea/boat/1.png': await grey(2),
    'in/train/sea/car/1.png': await grey(3),
    'in/val/sea/car/1.png': await grey(4),
  });
  const source = await findFolders(join(dir, 'in'), { levels: 'split/group/class' });
  const { info, perGroup } = await run(source, dir);
  t.deepEqual(
    [info.classes, info.groups],
    [
      ['boat', 'car'],
      ['land', 'sea'],
    ],
  );
  t.deepEqual(perGroup, { land: 1, sea: 3 });
  t.deepEqual((await firstBatch(t, join(dir, 'out'), 'train')).groups, ['land', 'sea', 'sea']);
  for (const levels of ['split', 'class/class', 'class/breed', '']) {
    await t.throwsAsync(findFolders(join(dir, 'in'), { levels }), {
      instanceOf: UsageError,
    });
  }
});

test('a folder whose name is not UTF-8 is an error, as two of them can look the same', async (t) => {
  const dir = await pets(t);
  for (const byte of [0xe9, 0xea]) {
    const name = Buffer.concat([Buffer.from(`${join(dir, 'in')}/p`), Buffer.from([byte])]);
    mkdirSync(name);
    writeFileSync(Buffer.concat([name, Buffer.from('/1.png')]), await grey(1));
  }
  await t.throwsAsync(findFolders(join(dir, 'in')), {
    instanceOf: DataError,
    message: /holds "p\ufffd", a name that is not UTF-8$/,
  });
});

test('voc: what has no annotation, no list or no image is named', async (t) => {
  const xml = (name: string) =>
    `<annotation><filename>1.png</filename><object><name>${name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>8</xmax><ymax>6</ymax></bndbox></object></annotation>`;
  const kit = files(t, {
    'JPEGImages/1.png': await grey(1),
    'JPEGImages/2.png': await grey(2),
    'JPEGImages/9.png': await grey(9),
    'Annotations/1.xml': xml('cat'),
    'Annotations/2.xml': xml('dog'),
    'Annotations/3.xml': xml('dog'),
    'SegmentationClass/9.png': await mask(8, 6, () => 1),
    'ImageSets/Main/train.txt': '1\n2\n',
  });
  const { notes } = await findVoc(kit);
  t.is(about(notes!, /annotations left out, they have no line in a list/, kit), '1: Annotations/3.xml');
  t.is(about(notes!, /images left out, they have no line in a list/, kit), '1: JPEGImages/9.png');
  t.is(about(notes!, /masks left out, they have no line in a list/, kit), '1: SegmentationClass/9.png');

  const beside = files(t, {
    'a/1.png': await grey(1),
    'a/1.xml': xml('cat'),
    'a/2.png': await grey(2),
    'b/3.png': await grey(3),
  });
  const found = await findVoc(beside);
  t.is(about(found.notes!, /images left out, they have no annotation/, beside), '1: a/2.png');
  t.is(about(found.notes!, /folders left out, they hold no annotation/, beside), '1: b');
});

test('csv and coco: images that the file does not list are named', async (t) => {
  const dir = files(t, {
    'a.png': await grey(1),
    'b.png': await grey(2),
    'c.png': await grey(3),
    'list.csv': 'file,label\na.png,cat\nb.png,dog\n',
    'x.json': JSON.stringify({
      images: [{ id: 1, file_name: 'a.png', width: 8, height: 6 }],
      categories: [{ id: 1, name: 'cat' }],
      annotations: [],
    }),
  });
  const csv = await findCsv(join(dir, 'list.csv'));
  t.is(about(csv.notes!, /list\.csv does not list them/, dir), '1: c.png');
  const coco = await findCoco([{ split: 'train', images: dir, annotations: join(dir, 'x.json') }]);
  t.is(about(coco.notes!, /x\.json does not list them/, dir), '2: b.png; c.png');
});

// r02: masks that match nothing.

test('folder: masks are found by path, in any ending, with a suffix, in a flat folder, beside the images', async (t) => {
  const png = await mask(8, 6, (x) => Number(x < 4));
  const layouts: Record<string, string> = {
    'm/cat/1.PNG': 'm',
    'm/cat/1_mask.png': 'm',
    'm/cat/1-seg.png': 'm',
    'm/only_mask.png': 'm',
    'm/deep/down/only.png': 'm',
    'in/cat/only_mask.png': 'in',
  };
  for (const [path, masks] of Object.entries(layouts)) {
    const dir = await pets(t, { 'in/cat/only.png': await grey(7), [path]: png });
    const { masks: count, info } = await run(
      await findFolders(join(dir, 'in'), { masks: join(dir, masks) }),
      dir,
    );
    t.deepEqual([count, splitsOf(info.splits)], [1, ['train 7']], path);
  }
});

test('folder: masks that belong to no image are named, and an error when none does', async (t) => {
  const png = await mask(8, 6, (x) => Number(x < 4));
  const some = await pets(t, {
    'm/cat/1.png': png,
    'm/cat/99.png': png,
    'm/1.png': png,
    'm/cat/readme.md': 'x',
    'm/cat/1_mask.png': png,
  });
  const { masks, notes } = await run(await findFolders(join(some, 'in'), { masks: join(some, 'm') }), some);
  t.is(masks, 1);
  t.is(about(notes, /masks left out, no image/, some), '1: m/cat/99.png');
  t.is(about(notes, /masks left out, several images/, some), '1: m/1.png: cat/1.png, dog/1.png');
  t.is(about(notes, /masks left out, their image has one/, some), '1: m/cat/1_mask.png');
  t.is(about(notes, /no image of a known kind/, some), '1: m/cat/readme.md');

  const none = await pets(t, { 'm/fox/1x.png': png });
  await t.throwsAsync(findFolders(join(none, 'in'), { masks: join(none, 'm') }), {
    instanceOf: DataError,
    message: `${join(none, 'm')}: none of the 1 masks belongs to an image: fox/1x.png is called like none, for instance like cat/1.png`,
  });
  await t.throwsAsync(findFolders(join(none, 'in'), { masks: join(none, 'gone') }), {
    instanceOf: UsageError,
    message: `${join(none, 'gone')}: no such folder`,
  });
});

test('folder: an image that is called like the mask of another is told', async (t) => {
  const dir = await pets(t, { 'in/cat/1_mask.png': await grey(9) });
  const { notes } = await findFolders(join(dir, 'in'));
  t.is(about(notes!, /called like the mask of another, imported as images/, dir), '1: in/cat/1_mask.png');
});

// r03: a set that cannot train.

test('an import that leaves no image, or none to train on, is an error that says why', async (t) => {
  const json = (bbox: number[]) =>
    JSON.stringify({
      images: [{ id: 0, file_name: '0.png', width: 40, height: 30 }],
      annotations: [{ id: 1, image_id: 0, category_id: 1, bbox }],
      categories: [{ id: 1, name: 'cat' }],
    });
  const dir = files(t, { '0.png': await grey(1, 40, 30), 'c.json': json([50, 50, 3, 3]) });
  const source = await findCoco([{ split: 'train', images: dir, annotations: join(dir, 'c.json') }]);
  await t.throwsAsync(run(source, dir), {
    instanceOf: DataError,
    message:
      /^no image is left; objects left out, their box lies outside the image: 1 \(.*images left out, none of their objects could be used: 1 \(0\.png\)$/,
  });
  t.false(existsSync(join(dir, 'out/dataset.json')));

  const broken = files(t, {
    'in/train/cat/1.png': 'x',
    'in/test/cat/1.png': await grey(1),
    'in/train/dog/1.png': 'x',
  });
  await t.throwsAsync(run(await findFolders(join(broken, 'in')), broken, { skipBad: true }), {
    instanceOf: DataError,
    message: /^no image is left to train on \(train\); left out, because broken: 2 \(/,
  });
});

test('what leaves only one class of several to train on is an error; a source of one class is told', async (t) => {
  const dir = files(t, { 'in/cat/1.png': await grey(1), 'in/dog/1.png': 'broken' });
  await t.throwsAsync(run(await findFolders(join(dir, 'in')), dir, { skipBad: true }), {
    instanceOf: DataError,
    message:
      /^all images to train on \(train\) are of the class cat, so there is nothing to learn, though the source has others; left out, because broken: 1/,
  });
  const one = files(t, { 'in/cat/1.png': await grey(1), 'in/cat/2.png': await grey(1) });
  const { notes } = await run(await findFolders(join(one, 'in')), one);
  t.is(about(notes, /nothing to learn/, one), '1: all images to train on (train) are of the class cat');
});

test('--limit takes from the classes in turn; what limits and fractions leave out is counted', async (t) => {
  const content: Record<string, Uint8Array> = {};
  for (const [name, images] of Object.entries({ a: 6, b: 3, c: 1 })) {
    for (let i = 0; i < images; i++) content[`in/${name}/${i}.png`] = await grey(i);
  }
  const dir = files(t, content);
  const source = await findFolders(join(dir, 'in'));
  const limited = await run(source, dir, { limit: 6 });
  t.deepEqual(limited.perClass, [3, 2, 1]);
  t.is(about(limited.notes, /left out by the limit/, dir), '4: ');
  const few = await run(source, dir, { perClass: 2 });
  t.deepEqual([few.perClass, about(few.notes, /left out by the number per class/, dir)], [[2, 2, 1], '5: ']);
  const shared = await run(source, dir, { fractions: { train: 0.5, test: 0.3 } });
  t.is(about(shared.notes, /fractions sum to less than 1/, dir), '2: ');
  await t.throwsAsync(run(source, dir, { limit: 1 }), { instanceOf: DataError, message: /nothing to learn/ });
});

test('a dry run reads everything and writes nothing', async (t) => {
  const dir = await pets(t, { 'in/cat/bad.png': 'x' });
  const source = await findFolders(join(dir, 'in'));
  await t.throwsAsync(run(source, dir, { dryRun: true }), { instanceOf: DataError, message: /bad\.png/ });
  const { info, perClass, skipped } = await run(source, dir, { dryRun: true, skipBad: true });
  t.deepEqual([info.splits, perClass, skipped.length], [{ train: { examples: 6, shards: [] } }, [3, 3], 1]);
  t.deepEqual(readdirSync(dir), ['in']);
});

// r04: masks of other depths and colours.

const pixels = (
  channels: 1 | 2 | 3 | 4,
  value: (x: number, c: number) => number,
  Array_: typeof Uint8Array | typeof Uint16Array = Uint8Array,
) =>
  sharp(
    new Array_(
      Array.from({ length: 8 * 6 * channels }, (_, i) => value(Math.floor(i / channels) % 8, i % channels)),
    ),
    { raw: { width: 8, height: 6, channels } },
  );

const colored: [what: string, encoded: () => Promise<Buffer>, row: string][] = [
  [
    '16 bits',
    () =>
      pixels(1, (x) => [0, 1, 300, 256, 0, 0, 65535, 0][x]!, Uint16Array)
        .toColourspace('grey16')
        .png()
        .toBuffer(),
    '.###..#.',
  ],
  [
    '16 bits of colour',
    () =>
      pixels(3, (x, c) => (c === 2 && x < 2 ? 3 : 0), Uint16Array)
        .toColourspace('rgb16')
        .png()
        .toBuffer(),
    '##......',
  ],
  [
    'colours, black outside',
    () =>
      pixels(3, (x, c) => (c === x % 3 && x < 3 ? 1 : 0))
        .png()
        .toBuffer(),
    '###.....',
  ],
  [
    'a palette',
    () =>
      pixels(3, (x, c) => (x > 5 && c === 1 ? 128 : 0))
        .png({ palette: true })
        .toBuffer(),
    '......##',
  ],
  [
    'one bit',
    () =>
      pixels(1, (x) => (x < 3 ? 255 : 0))
        .toColourspace('b-w')
        .png({ palette: true, colours: 2 })
        .toBuffer(),
    '###.....',
  ],
  [
    'alpha: colour where opaque',
    () =>
      pixels(4, (x, c) => (c === 3 ? (x < 4 ? 255 : 0) : x < 2 ? 0 : 200))
        .png()
        .toBuffer(),
    '..##....',
  ],
  [
    'alpha: black on transparent',
    () =>
      pixels(4, (x, c) => (c === 3 && x < 4 ? 255 : 0))
        .png()
        .toBuffer(),
    '####....',
  ],
  [
    'grey and alpha',
    () =>
      pixels(2, (x, c) => (c === 1 ? 255 : x === 7 ? 9 : 0))
        .toColourspace('b-w')
        .png()
        .toBuffer(),
    '.......#',
  ],
  [
    'a TIFF',
    () =>
      pixels(1, (x) => (x === 0 ? 1 : 0))
        .toColourspace('b-w')
        .tiff({ compression: 'lzw' })
        .toBuffer(),
    '#.......',
  ],
];
for (const [what, encoded, row] of colored) {
  test(`a mask of ${what} marks every pixel that is not 0`, async (t) => {
    const ending = what === 'a TIFF' ? 'tif' : 'png';
    const dir = await pets(t, {
      'in/cat/only.png': await grey(1),
      [`m/cat/only.${ending}`]: await encoded(),
    });
    await run(await findFolders(join(dir, 'in'), { masks: join(dir, 'm') }), dir);
    const { masks } = await firstBatch(t, join(dir, 'out'), 'train');
    t.is(drawn(masks[0]!.mask, 8)[0], row);
  });
}

test('a JPEG as a mask is divided in the middle; floats are refused', async (t) => {
  const jpeg = await sharp(
    Uint8Array.from({ length: 64 * 48 }, (_, i) => (i % 64 < 32 ? 255 : 0)),
    {
      raw: { width: 64, height: 48, channels: 1 },
    },
  )
    .jpeg({ quality: 40 })
    .toBuffer();
  const dir = await pets(t, { 'in/cat/only.png': await grey(1, 64, 48), 'm/cat/only.jpg': jpeg });
  await run(await findFolders(join(dir, 'in'), { masks: join(dir, 'm') }), dir);
  const { masks } = await firstBatch(t, join(dir, 'out'), 'train', [48, 64]);
  t.is(
    masks[0]!.mask.reduce((sum, value) => sum + value, 0),
    32 * 48,
  );
});

test('voc: masks of 16 bits hold more than 255 objects', async (t) => {
  const object = (name: string) =>
    `<object><name>${name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>8</xmax><ymax>6</ymax></bndbox></object>`;
  const numbers = await pixels(1, (x) => (x < 2 ? 1 : x < 6 ? 2 : 300), Uint16Array)
    .toColourspace('grey16')
    .png()
    .toBuffer();
  const dir = files(t, {
    'JPEGImages/1.png': await grey(1),
    'Annotations/1.xml': `<annotation><filename>1.png</filename>${object('cat')}${object('dog')}</annotation>`,
    'SegmentationObject/1.png': numbers,
  });
  const { masks } = await run(await findVoc(dir), dir);
  t.is(masks, 2);
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual(
    batch.masks.map((m) => drawn(m.mask, 8)[0]),
    ['##......', '..####..'],
  );
});

// r05: text that is not UTF-8.

const annotation = (encoding: string, name: string) =>
  `<?xml version="1.0" encoding="${encoding}"?><annotation><filename>FILE</filename><object><name>${name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>8</xmax><ymax>6</ymax></bndbox></object></annotation>`;

test('voc: XML in the encoding that it declares, or that its first bytes tell', async (t) => {
  const utf16 = (text: string) => Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(text, 'utf16le')]);
  const dir = files(t, {
    '1.png': await grey(1),
    '1.xml': Buffer.from(annotation('ISO-8859-1', 'p\u00e9che'), 'latin1'),
    '2.png': await grey(2),
    '2.xml': Buffer.from(annotation('ISO-8859-1', 'p\u00eache'), 'latin1'),
    '3.png': await grey(3),
    '3.xml': utf16(annotation('UTF-16', '猫')),
    '4.png': await grey(4),
    '4.xml': utf16(annotation('UTF-16', 'naïve')).swap16(),
  });
  t.deepEqual((await findVoc(dir)).classes, ['naïve', 'péche', 'pêche', '猫']);
});

test('text that is not of its encoding is an error with its line, wherever it is read', async (t) => {
  const latin = (text: string) => Buffer.from(text, 'latin1');
  const dir = files(t, {
    'a.png': await grey(1),
    'list.csv': latin('file,label\na.png,p\u00e9che\n'),
    'voc/1.xml': latin(annotation('UTF-8', 'p\u00e9che')),
    'x.json': latin('{"images":[],\n"categories":[{"id":1,"name":"p\u00e9che"}],"annotations":[]}'),
    'y.json': Buffer.from('{"images":[]}', 'utf16le'),
    'cifar/data_batch_1.bin': new Uint8Array(3073),
    'cifar/batches.meta.txt': latin('cat\np\u00e9che\n'),
  });
  const rule = /: is not UTF-8( \(byte 0xe9\))?; save it as UTF-8$/;
  await t.throwsAsync(findCsv(join(dir, 'list.csv')), {
    instanceOf: DataError,
    message: /list\.csv: after line 1: is not UTF-8/,
  });
  const voc = await t.throwsAsync(findVoc(join(dir, 'voc')), { instanceOf: DataError, message: rule });
  t.true(voc?.message.includes('1.xml:1: '));
  const part = (name: string) => [{ split: 'train', images: dir, annotations: join(dir, name) }];
  await t.throwsAsync(findCoco(part('x.json')), {
    instanceOf: DataError,
    message: /categories\[0\]:1: is not UTF-8/,
  });
  await t.throwsAsync(findCoco(part('y.json')), {
    instanceOf: DataError,
    message: /y\.json:1: is not UTF-8, as JSON has to be/,
  });
  const cifar = await t.throwsAsync(findCifar(join(dir, 'cifar')), { instanceOf: DataError, message: rule });
  t.true(cifar?.message.includes('batches.meta.txt:2: '));

  const read = await findCsv(join(dir, 'list.csv'), { encoding: 'windows-1252' });
  t.deepEqual(read.classes, ['péche']);
  await t.throwsAsync(findCsv(join(dir, 'list.csv'), { encoding: 'klingon' }), {
    instanceOf: DataError,
    message: /the encoding "klingon" is not known$/,
  });
});

test('names that look the same are told or refused', async (t) => {
  const dir = files(t, {
    'in/Cat/1.png': await grey(1),
    'in/cat/1.png': await grey(2),
    'in/red_fox/1.png': await grey(3),
    'in/red fox/1.png': await grey(3),
  });
  const { notes } = await run(await findFolders(join(dir, 'in')), dir);
  t.is(about(notes, /nothing but case and blanks/, dir), '2: Cat, cat; red fox, red_fox');
  const forms = files(t, {
    'list.csv': 'file,label\na.png,e\u0301\nb.png,\u00e9\n',
    'a.png': await grey(1),
    'b.png': await grey(1),
  });
  await t.throwsAsync(run(await findCsv(join(forms, 'list.csv')), forms), {
    instanceOf: DataError,
    message: /two classes are called .* \(they differ in the Unicode form of a letter\)$/,
  });
});

// r06: paths.

test('csv: absolute paths, file addresses, backslashes, paths of another machine; what is no file is named', async (t) => {
  const dir = files(t, {
    'p/0.png': await grey(0),
    'p/1.png': await grey(1),
    'p/2.png': await grey(2),
    'p/3.png': await grey(3),
  });
  const list = (rows: string[]) => {
    writeFileSync(join(dir, 'list.csv'), `file,label\n${rows.join('\n')}\n`);
    return findCsv(join(dir, 'list.csv'), { images: join(dir, 'p') });
  };
  const source = await list([
    `${join(dir, 'p/0.png')},cat`,
    `file://${join(dir, 'p/1.png')},dog`,
    '..\\p\\2.png,cat',
    'C:\\photos\\3.png,dog',
  ]);
  const { info, notes } = await run(source, dir);
  t.deepEqual(splitsOf(info.splits), ['train 4']);
  t.is(about(notes, /absolute paths that do not exist here/, dir), '1: C:\\photos\\3.png: p/3.png');

  mkdirSync(join(dir, 'p/folder.png'));
  const problem = async (name: string) =>
    (await list([`0.png,cat`, `${name},dog`])).problems!.map(({ message }) =>
      message.replaceAll(dir, 'DIR'),
    )[0];
  t.is(await problem('folder.png'), 'DIR/list.csv:3: DIR/p/folder.png is a folder');
  t.is(await problem('1.PNG'), 'DIR/list.csv:3: DIR/p/1.PNG does not exist (there is 1.png)');
  t.is(
    await problem('http://x.org/1.png'),
    'DIR/list.csv:3: http://x.org/1.png is an address, not a file; download the images first',
  );
  t.is(await problem('a\0b'), 'DIR/list.csv:3: the name of the image holds a NUL character');
});

// r07: what JSON does not have, and what one bad entry may cost.

test('coco: NaN where it does not matter is read; where it does, that image is left out', async (t) => {
  const image = (id: number) => `{"id":${id},"file_name":"${id}.png","width":8,"height":6}`;
  const box = (id: number, bbox: string, more = '') =>
    `{"id":${id},"image_id":${id},"category_id":${id},"bbox":${bbox}${more}}`;
  const json = (annotations: string[]) =>
    `{"images":[${[0, 1, 2].map(image)}],"annotations":[${annotations.join(',\n')}],"categories":[{"id":0,"name":"NaN"},{"id":1,"name":"a \\" Infinity"},{"id":2,"name":"ox"}]}`;
  const dir = files(t, { '0.png': await grey(0), '1.png': await grey(1), '2.png': await grey(2) });
  const find = (text: string) => {
    writeFileSync(join(dir, 'x.json'), text);
    return findCoco([{ split: 'train', images: dir, annotations: join(dir, 'x.json') }]);
  };
  const odd = await run(
    await find(
      json([
        box(0, '[1,2,3,3]', ',"area":NaN'),
        box(1, '[1,2,3,3]', ',"area":-Infinity'),
        box(2, '[1,2,3,3]'),
      ]),
    ),
    dir,
  );
  t.deepEqual([odd.info.classes, odd.boxes], [['NaN', 'a " Infinity', 'ox'], 3]);

  const bad = json([box(0, '[1,2,3,NaN]'), box(1, '[1,2,3,3]'), '{"id":9, oops}', box(2, '[1,2,3,3]')]);
  await t.throwsAsync(run(await find(bad), dir), {
    instanceOf: DataError,
    message: /x\.json:3: annotations\[2\]: Expected/,
  });
  const { boxes, skipped } = await run(await find(bad), dir, { skipBad: true });
  t.is(boxes, 2);
  t.deepEqual(
    skipped.map((message) => /annotations\[\d\][^:]*/.exec(message)![0]),
    ['annotations[2]', 'annotations[0].bbox[3]'],
  );
});

test('csv: a row with too many or too few cells is left out, and the others stay', async (t) => {
  const dir = files(t, {
    'a.png': await grey(1),
    'b.png': await grey(2),
    'list.csv': 'file,label\na.png,cat\nb.png\nb.png,dog\na.png,cat,x\n',
  });
  const { info, skipped } = await run(await findCsv(join(dir, 'list.csv')), dir, { skipBad: true });
  t.deepEqual(splitsOf(info.splits), ['train 2']);
  t.deepEqual(
    skipped.map((message) => message.slice(dir.length + 1)),
    ['list.csv:3: has 1 cells, the header 2', 'list.csv:5: has 3 cells, the header 2'],
  );
});

test('csv: a quote in the wrong place is an error with its line', async (t) => {
  const dir = files(t, { 'list.csv': 'file,label\na.png,c"at\n' });
  await t.throwsAsync(findCsv(join(dir, 'list.csv')), {
    instanceOf: DataError,
    message: /list\.csv:2: Invalid Opening Quote/,
  });
});

test('csv: groups and unknown labels; contradictions are named', async (t) => {
  const dir = files(t, { 'a.png': await grey(1), 'b.png': await grey(2), 'c.png': await grey(3) });
  const find = (text: string) => {
    writeFileSync(join(dir, 'list.csv'), text);
    return findCsv(join(dir, 'list.csv'), { labelSeparator: '|' });
  };
  const { info } = await run(
    await find('file,label,group,unknown\na.png,cat|dog,home,\nb.png,cat,,dog|fox\nc.png,,street,*\n'),
    dir,
  );
  t.deepEqual(
    [info.classes, info.groups, info.multiLabel],
    [['cat', 'dog', 'fox'], ['home', 'street'], true],
  );
  const batch = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual(batch.groups, ['home', '', 'street']);
  t.deepEqual([...batch.labelWeights!], [1, 1, 1, 1, 0, 0, 0, 0, 0]);
  const single = await find('file,label,unknown\na.png,cat,\nb.png,dog,\nc.png,,*\n');
  t.false(single.multiLabel);
  const { problems } = await find('file,label,group,unknown\na.png,cat,x,cat\nb.png,dog,x,\nb.png,dog,y,\n');
  t.deepEqual(
    problems!.map(({ message }) => message.slice(dir.length + 1)),
    [
      `list.csv:4: the group of b.png is "y", in ${dir}/list.csv:3 it is "x"`,
      'list.csv:2: class cat is both a label and unknown',
    ],
  );
});

// r12: units and names.

test('boxes that are parts of the image, and said to be pixels, or the other way round, are an error', async (t) => {
  const csv = (rows: string) => `file,label,xmin,ymin,xmax,ymax\n${rows}`;
  const parts = csv('0.png,cat,0.1,0.1,0.5,0.5\n1.png,dog,0.2,0.2,0.9,1\n');
  const dir = files(t, {
    '0.png': await grey(0),
    '1.png': await grey(1),
    'parts.csv': parts,
    'pixels.csv': csv('0.png,cat,1,1,5,5\n1.png,dog,0,0,1,1\n'),
  });
  await t.throwsAsync(findCsv(join(dir, 'parts.csv')), {
    instanceOf: DataError,
    message: /parts\.csv:2: all 2 boxes lie between 0 and 1/,
  });
  t.is((await findCsv(join(dir, 'parts.csv'), { boxes: 'normalized' })).items.length, 2);
  t.is((await findCsv(join(dir, 'pixels.csv'))).items.length, 2);
  await t.throwsAsync(findCsv(join(dir, 'pixels.csv'), { boxes: 'normalized' }), {
    instanceOf: DataError,
    message: /pixels\.csv:2: 1 of 2 boxes reach beyond 1, so they are pixels/,
  });
  writeFileSync(
    join(dir, 'x.json'),
    JSON.stringify({
      images: [{ id: 1, file_name: '0.png', width: 8, height: 6 }],
      categories: [{ id: 1, name: 'cat' }],
      annotations: [{ image_id: 1, category_id: 1, bbox: [0.1, 0.1, 0.5, 0.5] }],
    }),
  );
  await t.throwsAsync(findCoco([{ split: 'train', images: dir, annotations: join(dir, 'x.json') }]), {
    instanceOf: DataError,
    message: /annotations\[0\]: the only box lies between 0 and 1, so they are parts of the image/,
  });
});

test('coco: categories of one name are one class, and the root of Roboflow is none; both are told', async (t) => {
  const dir = files(t, {
    '0.png': await grey(0),
    '1.png': await grey(1),
    'x.json': JSON.stringify({
      images: [0, 1].map((id) => ({ id, file_name: `${id}.png`, width: 8, height: 6 })),
      categories: [
        { id: 0, name: 'pets', supercategory: 'none' },
        { id: 1, name: 'cat', supercategory: 'pets' },
        { id: 2, name: 'dog', supercategory: 'pets' },
        { id: 5, name: 'cat', supercategory: 'pets' },
      ],
      annotations: [
        { image_id: 0, category_id: 5, bbox: [0, 0, 4, 4] },
        { image_id: 0, category_id: 1, bbox: [0, 0, 4, 4] },
        { image_id: 1, category_id: 2, bbox: [0, 0, 4, 4] },
      ],
    }),
  });
  const source = await findCoco([{ split: 'train', images: dir, annotations: join(dir, 'x.json') }]);
  const { info, perClass, notes } = await run(source, dir);
  t.deepEqual(
    [info.classes, perClass],
    [
      ['cat', 'dog'],
      [1, 1],
    ],
  );
  t.is(about(notes, /taken for one class/, dir), '1: cat (ids 1, 5)');
  t.is(about(notes, /root categories left out/, dir), '1: pets (id 0)');
});

test('coco: an attribute of the images groups them', async (t) => {
  const dir = files(t, {
    '0.png': await grey(0),
    '1.png': await grey(1),
    'x.json': JSON.stringify({
      images: [
        { id: 0, file_name: '0.png', width: 8, height: 6, attributes: { place: 'sea' } },
        { id: 1, file_name: '1.png', width: 8, height: 6, place: 7 },
      ],
      categories: [{ id: 1, name: 'cat' }],
      annotations: [{ image_id: 1, category_id: 1, bbox: [0, 0, 4, 4] }],
    }),
  });
  const parts = [{ split: 'train', images: dir, annotations: join(dir, 'x.json') }];
  const { info } = await run(await findCoco(parts, { groupAttribute: 'place' }), dir);
  t.deepEqual(info.groups, ['7', 'sea']);
  await t.throwsAsync(findCoco(parts, { groupAttribute: 'plce' }), {
    instanceOf: DataError,
    message: /no image has the attribute plce$/,
  });
});

test('two classes of one name are refused where the format cannot merge them', async (t) => {
  const dir = files(t, {
    'train-images-idx3-ubyte': idx([2, 2, 2], [0, 1, 2, 3, 4, 5, 6, 7]),
    'train-labels-idx1-ubyte': idx([2], [0, 1]),
  });
  await t.throwsAsync(run(await findIdx(dir, ['a', 'a']), dir), {
    instanceOf: DataError,
    message: 'idx: two classes are called a',
  });
});

// Sets with parts missing.

test('tfrecord: shards that others count and that are not there', async (t) => {
  const made = await pets(t);
  await run(await findFolders(join(made, 'in')), made, { shards: 3 });
  const dir = files(t, { 'odd.bin': 'x', 'label.labels.txt': 'cat\ndog\n' });
  const { copyFileSync } = await import('node:fs');
  for (const i of [0, 2]) {
    const name = `train-0000${i}-of-00003.tfrecord`;
    copyFileSync(join(made, 'out', name), join(dir, name));
  }
  const { problems, notes } = await findTfrecords(dir);
  t.is(problems![0]!.message, `${dir}: 1 shards are missing, the first is train-00001-of-00003.tfrecord`);
  t.is(about(notes!, /not called like TFRecords/, dir), '1: odd.bin');
});

test('idx: files that make no pair; cifar: batches that are not there', async (t) => {
  const dir = files(t, {
    'train-images-idx3-ubyte': idx([1, 2, 2], [9, 9, 9, 9]),
    'train-labels-idx1-ubyte': idx([1], [0]),
    't10k-labels-idx1-ubyte': idx([1], [0]),
    'cifar/data_batch_2.bin': new Uint8Array(3073),
    'cifar/batches.meta.txt': 'cat\ndog\n',
  });
  t.is(about((await findIdx(dir)).notes!, /no images or labels of a pair/, dir), '1: t10k-labels-idx1-ubyte');
  t.regex(
    about((await findCifar(join(dir, 'cifar'))).notes!, /not there/, dir)!,
    /^5: cifar\/data_batch_1\.bin; cifar\/data_batch_3\.bin/,
  );
});

test('the groups and unknown labels of TFRecords are kept', async (t) => {
  const dir = files(t, {
    'a.png': await grey(1),
    'b.png': await grey(2),
    'list.csv': 'file,label,group,unknown\na.png,cat,x,\nb.png,,y,dog\n',
  });
  await run(await findCsv(join(dir, 'list.csv')), dir);
  const again = await importExamples(await findTfrecords(join(dir, 'out')), join(dir, 'again'));
  t.deepEqual(
    [again.info.classes, again.info.groups],
    [
      ['cat', 'dog'],
      ['x', 'y'],
    ],
  );
  t.deepEqual([...(await firstBatch(t, join(dir, 'again'), 'train')).labelWeights!], [1, 1, 1, 0]);
});

// Names that become paths (issue of its own).

test('a split that is no name of a file is refused, and nothing is written beside the output', async (t) => {
  const dir = files(t, { 'a.png': await grey(1), 'b.png': await grey(2) });
  for (const split of ['../../evil', 'a/b', '..', 'x'.repeat(300), 'a\u0001']) {
    writeFileSync(
      join(dir, 'list.csv'),
      `file,label,split\na.png,cat,${split}\na.png,dog,train\nb.png,cat,train\n`,
    );
    const source = await findCsv(join(dir, 'list.csv'));
    await t.throwsAsync(run(source, dir), {
      instanceOf: DataError,
      message: /list\.csv:2: split ".*" (holds|has|begins)/,
    });
    await t.throwsAsync(run(source, dir, { skipBad: true, fractions: { [split]: 0.5, train: 0.5 } }), {
      instanceOf: DataError,
    });
    t.deepEqual(
      readdirSync(dir)
        .filter((name) => name !== 'out')
        .sort(),
      ['a.png', 'b.png', 'list.csv'],
    );
    const { info, skipped } = await run(source, dir, { skipBad: true });
    t.deepEqual([splitsOf(info.splits), skipped.length], [['train 2'], 1]);
  }
});
