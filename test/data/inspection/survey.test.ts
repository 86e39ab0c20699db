import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { DatasetWriter, type ImageExample, openDataset, surveyDataset } from '../../../src/data/index.ts';
import { callProgram } from '../../programs/call-program.ts';
import { temporaryFolder } from '../temporary-folder.ts';

/** A smooth picture that its seed determines: a few waves of brightness. */
function waves(seed: number, width = 96, height = 80): Promise<Buffer> {
  const pixels = new Uint8Array(width * height * 3);
  for (let i = 0; i < width * height; i++) {
    const [x, y] = [(i % width) / width, Math.floor(i / width) / height];
    const value = [1, 2, 3].reduce(
      (sum, k) => sum + Math.sin(seed * k * 7.3 + k * (5 * x + (seed % 5) * y)),
      0,
    );
    for (let c = 0; c < 3; c++) pixels[i * 3 + c] = 128 + 30 * value + 8 * c;
  }
  return sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

function example(encoded: Uint8Array, filename: string, more: Partial<ImageExample> = {}): ImageExample {
  return { encoded, format: 'png', filename, labels: [0], objects: [], ...more };
}

test.serial('counts, sizes, masks, groups, and images that lie in two splits', async (t) => {
  const dir = temporaryFolder(t);
  const info = { name: 's', classes: ['cat', 'dog'], multiLabel: true };
  const writer = await DatasetWriter.create(dir, info, ['train', 'test']);
  const mask = await sharp(
    Uint8Array.from({ length: 96 * 80 }, (_, i) => (i < 96 * 20 ? 255 : 0)),
    {
      raw: { width: 96, height: 80, channels: 1 },
    },
  )
    .toColourspace('b-w')
    .png()
    .toBuffer();
  const box = { class: 1, xmin: 0, ymin: 0, xmax: 1, ymax: 0.25 };
  for (let seed = 1; seed <= 6; seed++) {
    const size = { width: 96, height: 80 };
    await writer.write(
      'train',
      example(await waves(seed), `${seed}.png`, { ...size, group: `g${seed % 2}` }),
    );
  }
  await writer.write(
    'train',
    example(await waves(7), '7.png', { labels: [1], unknown: [0], objects: [{ ...box, mask }] }),
  );
  // The same picture smaller, brighter, and as a JPEG; a mirrored one; others.
  const copy = sharp(await waves(3))
    .resize(50, 40)
    .linear(0.9, 20)
    .jpeg({ quality: 70 });
  await writer.write('test', example(await copy.toBuffer(), 'copy.jpg'));
  await writer.write(
    'test',
    example(
      await sharp(await waves(4))
        .flop()
        .png()
        .toBuffer(),
      'mirrored.png',
    ),
  );
  for (let seed = 8; seed <= 11; seed++)
    await writer.write('test', example(await waves(seed), `${seed}.png`));
  // Of one grey: no sign of a leak.
  const plain = await sharp({ create: { width: 8, height: 8, channels: 3, background: '#888' } })
    .png()
    .toBuffer();
  await writer.write('train', example(plain, 'plain.png'));
  await writer.write('test', example(plain, 'plain.png'));
  await writer.finish();

  const dataset = await openDataset(dir);
  t.teardown(() => dataset.close());
  const { splits, samples, duplicates } = await surveyDataset(dataset, { samples: 2, workers: 0 });
  const [train, tested] = splits;
  t.deepEqual(
    [train!.examples, train!.perClass, train!.unknown, train!.boxes, train!.masks],
    [8, [7, 1], [1, 0], 1, 1],
  );
  t.deepEqual([train!.width, train!.height, tested!.width], [[96, 96, 96], [80, 80, 80], undefined]);
  t.deepEqual(train!.maskArea, [0.25, 0.25, 0.25]);
  t.deepEqual(
    train!.groups.map(({ group, examples }) => [group, examples]),
    [
      ['g0', 3],
      ['g1', 3],
    ],
  );
  t.deepEqual(
    samples.map(({ split, filename }) => `${split} ${filename}`),
    ['train 1.png', 'train 2.png', 'train 7.png', 'test copy.jpg', 'test mirrored.png'],
  );
  t.deepEqual(
    duplicates.leaks.map(({ a, b }) => `${a.split} ${a.filename}, ${b.split} ${b.filename}`),
    ['train 3.png, test copy.jpg'],
  );
  t.is(duplicates.notCompared, 0);

  const { code, stdout, stderr } = await callProgram(
    ...['data', dir, '--sheet', join(dir, 'sheet/sheet.png'), '--workers', '0'],
  );
  t.is(code, 0, stderr);
  t.regex(stdout, /^s: 15 images, 2 classes, several labels per image\ntrain: 8 images, 96 x 80 pixels\n/);
  t.regex(stdout, /\n {2}class 0 cat: 7 \(87\.5 %\), unknown in 1\n/);
  t.regex(stdout, /\n {2}group g0: 3 \(37\.5 %\): cat 3, dog 0\n/);
  t.regex(stdout, /\n {2}warning: no image of dog\n/);
  t.regex(
    stdout,
    /likely leaks, images that look the same in two splits: 1\n {2}train 3\.png .*test copy\.jpg/,
  );
  const { format, width } = await sharp(join(dir, 'sheet/sheet.png')).metadata();
  t.is(format, 'png');
  t.true(width > 500);
});
