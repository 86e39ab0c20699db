import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { pack } from 'tar-stream';
import {
  findCoco,
  findFolders,
  findHuggingFace,
  findLabelMe,
  findVia,
  findWebDataset,
  type ImportSource,
  importExamples,
} from '../../src/data/index.ts';
import { DataError } from '../../src/errors/index.ts';
import { files, firstBatch, grey, mask } from './import-files.ts';

// The kinds of import-losses.test.ts in the formats that came later, images of 8x6.

const imported = (source: ImportSource, dir: string, skipBad = false) =>
  importExamples(source, join(dir, 'out'), { skipBad });

const labelMe = (imagePath: string, label: string, more = '') =>
  `{"version":"5","imagePath":${JSON.stringify(imagePath)},"imageHeight":6,"imageWidth":8,"imageData":null,"flags":{}${more},` +
  `"shapes":[{"label":"${label}","shape_type":"rectangle","points":[[2,0],[6,3]]}]}`;

test('r07: NaN where it does not matter is read in LabelMe, metadata.jsonl and WebDataset', async (t) => {
  const me = files(t, {
    'a.png': await grey(1),
    'a.json': labelMe('a.png', 'cat', ',"score":NaN'),
    'b.png': await grey(2),
    'b.json': labelMe('b.png', 'dog', ',"score":-Infinity'),
  });
  t.deepEqual((await imported(await findLabelMe(me), me)).info.classes, ['cat', 'dog']);

  const face = files(t, {
    'a.png': await grey(1),
    'b.png': await grey(2),
    'metadata.jsonl':
      '{"file_name":"a.png","label":"cat","price":NaN}\n{"file_name":"b.png","label":"dog","price":Infinity}\n',
  });
  t.deepEqual((await imported(await findHuggingFace(face), face)).info.classes, ['cat', 'dog']);

  const packed = pack();
  packed.entry({ name: 'a.png' }, await grey(1));
  packed.entry({ name: 'a.json' }, '{"label":"cat","NaN":NaN}');
  packed.entry({ name: 'b.png' }, await grey(2));
  packed.entry({ name: 'b.json' }, '{"label":"dog"}');
  packed.finalize();
  const tar: Uint8Array[] = [];
  for await (const piece of packed) tar.push(piece as Uint8Array);
  const web = files(t, { 'train.tar': Buffer.concat(tar) });
  t.deepEqual((await imported(await findWebDataset(web), web)).info.classes, ['cat', 'dog']);

  writeFileSync(join(face, 'metadata.jsonl'), '{"file_name":"a.png","label":"cat", oops}\n');
  await t.throwsAsync(findHuggingFace(face), {
    instanceOf: DataError,
    message: /metadata\.jsonl:1: is no JSON: /,
  });
});

test('r07: NaN where it matters leaves that image out, and names it', async (t) => {
  const bad = labelMe('a.png', 'cat').replace('[2,0]', '[NaN,0]');
  const dir = files(t, {
    'a.png': await grey(1),
    'a.json': bad,
    ...Object.fromEntries(
      await Promise.all(
        ['b', 'c'].map(async (name) => [`${name}.png`, await grey(2)] as [string, Uint8Array]),
      ),
    ),
    'b.json': labelMe('b.png', 'dog'),
    'c.json': labelMe('c.png', 'cat'),
  });
  await t.throwsAsync(async () => imported(await findLabelMe(dir), dir), {
    instanceOf: DataError,
    message: /a\.json: \.?shapes\[0\]\.points\[0\]\[0\]: /,
  });
  const { skipped, boxes } = await imported(await findLabelMe(dir), dir, true);
  t.deepEqual([skipped.length, boxes], [1, 2]);
});

test('r06: absolute and foreign paths in COCO and LabelMe', async (t) => {
  const dir = files(t, { 'p/0.png': await grey(0), 'p/1.png': await grey(1) });
  const names = [join(dir, 'p/0.png'), 'D:\\shots\\1.png'];
  const json = {
    images: names.map((file_name, id) => ({ id, file_name, width: 8, height: 6 })),
    annotations: [0, 1].map((id) => ({ id, image_id: id, category_id: id, bbox: [1, 2, 3, 3] })),
    categories: ['cat', 'dog'].map((name, id) => ({ id, name })),
  };
  writeFileSync(join(dir, 'c.json'), JSON.stringify(json));
  const split = { split: 'train', images: join(dir, 'p'), annotations: join(dir, 'c.json') };
  const { info, notes } = await imported(await findCoco([split]), dir);
  t.is(info.splits.train!.examples, 2);
  t.true(notes.some(({ what }) => what.startsWith('absolute paths that do not exist here')));

  const me = files(t, {
    'a.png': await grey(1),
    'a.json': labelMe('C:\\Users\\x\\a.png', 'cat'),
    'b.png': await grey(2),
    'b.json': labelMe('/home/x/b.png', 'dog'),
  });
  t.is((await imported(await findLabelMe(me), me)).info.splits.train!.examples, 2);
});

test('r02: masks given and none of them fits: another class, another folder; half of them is told', async (t) => {
  const pets = {
    'in/cat/1.png': await grey(1),
    'in/dog/2.png': await grey(2),
  };
  const one = await mask(8, 6, () => 255);
  const wrong = files(t, { ...pets, 'm/dog/1.png': one });
  await t.throwsAsync(
    async () => imported(await findFolders(join(wrong, 'in'), { masks: join(wrong, 'm') }), wrong),
    {
      instanceOf: DataError,
      message: /mask/,
    },
  );
  const half = files(t, { ...pets, 'm/cat/1.png': one, 'm/cat/9.png': one });
  const { masks, notes } = await imported(
    await findFolders(join(half, 'in'), { masks: join(half, 'm') }),
    half,
  );
  t.is(masks, 1);
  t.true(
    notes.some(({ what, where }) => /mask/.test(what) && where.some((place) => place.includes('9.png'))),
  );
});

test('r03: annotation tools that leave no image end in an error and write nothing', async (t) => {
  const me = files(t, { 'a.json': labelMe('gone.png', 'cat'), 'b.json': labelMe('gone-too.png', 'dog') });
  await t.throwsAsync(async () => imported(await findLabelMe(me), me, true), {
    instanceOf: DataError,
    message: /gone\.png does not exist/,
  });
  const via = files(t, { 'via.json': '{"x.png-1":{"filename":"x.png","regions":[],"file_attributes":{}}}' });
  await t.throwsAsync(async () => imported(await findVia(join(via, 'via.json'), via), via, true), {
    instanceOf: DataError,
  });
  for (const dir of [me, via]) t.false(existsSync(join(dir, 'out')));
});

test('r04: a mask of one bit, and one with an alpha channel, hold all of the object', async (t) => {
  const sharp = (await import('sharp')).default;
  const left = Uint8Array.from({ length: 48 }, (_, i) => (i % 8 < 4 ? 255 : 0));
  const one = sharp(left, { raw: { width: 8, height: 6, channels: 1 } });
  const bit = await one.clone().toColourspace('b-w').png({ palette: true, colours: 2 }).toBuffer();
  const rgba = Uint8Array.from({ length: 48 * 4 }, (_, i) => (i % 4 === 3 ? 255 : left[Math.trunc(i / 4)]!));
  const alpha = await sharp(rgba, { raw: { width: 8, height: 6, channels: 4 } })
    .png()
    .toBuffer();
  const dir = files(t, {
    'in/cat/1.png': await grey(1),
    'in/dog/2.png': await grey(2),
    'm/cat/1.png': bit,
    'm/dog/2.png': alpha,
  });
  await imported(await findFolders(join(dir, 'in'), { masks: join(dir, 'm') }), dir);
  const { masks } = await firstBatch(t, join(dir, 'out'), 'train');
  t.deepEqual(
    masks.map(({ mask: values }) => values.reduce((sum, value) => sum + (value ? 1 : 0), 0)),
    [24, 24],
  );
});
