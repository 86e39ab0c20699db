import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import test from 'ava';
import sharp from 'sharp';
import {
  findIdx,
  findTfrecords,
  findVoc,
  importExamples,
  readIdx,
  readImageFile,
} from '../../src/data/index.ts';
import { DataError } from '../../src/errors/index.ts';
import { idx } from './idx-file.ts';
import { files, grey } from './import-files.ts';

// Files from elsewhere that ask for too much, or are not what they seem: a typed error, soon.

const annotation = (name: string, before = '') =>
  `<?xml version="1.0"?>\n${before}<annotation><filename>a.png</filename><object><name>${name}</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>8</xmax><ymax>6</ymax></bndbox></object></annotation>`;

test('voc: entities, depth, prototypes, elements where text should be', async (t) => {
  const message = async (xml: string) => {
    const dir = files(t, { 'a.png': await grey(1), 'a.xml': xml });
    const error = await t.throwsAsync(
      findVoc(dir).then((source) => importExamples(source, join(dir, 'out'))),
      { instanceOf: DataError },
    );
    return error!.message.replace(dir, 'DIR');
  };
  const external = '<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]>\n';
  t.is(await message(annotation('&x;', external)), 'DIR/a.xml:2: declares entities, which are not read');
  const laughs = '<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>\n';
  t.is(await message(annotation('&b;', laughs)), 'DIR/a.xml:2: declares entities, which are not read');
  const deep = `${'<a>'.repeat(20_000)}${'</a>'.repeat(20_000)}`;
  t.is(
    await message(`<annotation>${deep}</annotation>`),
    'DIR/a.xml:1: elements are nested more than 64 deep',
  );
  t.regex(await message(annotation('<b>cat</b>')), /^DIR\/a\.xml:2: object\.name: expected a text$/);
  t.regex(await message('<annotation><__proto__><x>1</x></__proto__></annotation>'), /^DIR\/?/);
  t.is(({} as { x?: unknown }).x, undefined);
});

test('voc: names with attributes and the entities of XML itself are read', async (t) => {
  const dir = files(t, {
    'a.png': await grey(1),
    'a.xml': annotation('cat &amp; dog').replace('<name>', '<name lang="en">'),
  });
  t.deepEqual((await findVoc(dir)).classes, ['cat & dog']);
});

test('bytes that unpack to far more than pictures do are refused', async (t) => {
  const bomb = gzipSync(Buffer.alloc(80 * 2 ** 20));
  const dir = files(t, {
    'train-images-idx3-ubyte.gz': bomb,
    'train-labels-idx1-ubyte': idx([1], [0]),
    'records/train.tfrecord': bomb,
  });
  const rule = /cannot be unpacked: its \d+ bytes unpack to more than 67108864$/;
  await t.throwsAsync(readIdx(join(dir, 'train-images-idx3-ubyte.gz'), 3), {
    instanceOf: DataError,
    message: rule,
  });
  const { problems } = await findTfrecords(join(dir, 'records')).catch((error) => ({
    problems: [error as DataError],
  }));
  t.regex(problems![0]!.message, rule);
});

test('an image of 30,000 x 30,000 pixels is refused before it is decoded', async (t) => {
  const side = 30_000;
  const huge = await sharp({ create: { width: 64, height: 64, channels: 3, background: '#000' } })
    .png()
    .toBuffer();
  huge.writeUInt32BE(side, 16);
  huge.writeUInt32BE(side, 20);
  const dir = files(t, { 'a.png': huge });
  await t.throwsAsync(readImageFile(join(dir, 'a.png'), [8, 8]), {
    instanceOf: DataError,
    message: /a\.png: image cannot be decoded: /,
  });
});

test('folders and pipes where files should be, images of 0 x 0', async (t) => {
  const dir = files(t, {
    'zero/train-images-idx3-ubyte': idx([1, 0, 0], []),
    'zero/train-labels-idx1-ubyte': idx([1], [0]),
  });
  mkdirSync(join(dir, 'folder.png'));
  execFileSync('mkfifo', [join(dir, 'pipe.png')]);
  const fails = (path: string) =>
    t.throwsAsync(readImageFile(join(dir, path), [8, 8]), { instanceOf: DataError });
  t.is((await fails('folder.png'))!.message, `${join(dir, 'folder.png')}: is a folder`);
  t.is((await fails('pipe.png'))!.message, `${join(dir, 'pipe.png')}: is no plain file`);
  await t.throwsAsync(findIdx(join(dir, 'zero')), {
    instanceOf: DataError,
    message: /its images are 0x0 \(width x height\)$/,
  });
});
