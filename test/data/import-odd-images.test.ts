import { join } from 'node:path';
import test from 'ava';
import sharp from 'sharp';
import { findCoco, findFolders, findVoc, importExamples } from '../../src/data/index.ts';
import { DataError } from '../../src/errors/index.ts';
import { drawn, files, firstBatch, grey, mask, rounded } from './import-files.ts';

const flat = (background: { r: number; g: number; b: number; alpha?: number }) =>
  sharp({ create: { width: 8, height: 6, channels: background.alpha === undefined ? 3 : 4, background } });

test('16 bits, CMYK, GIF, alpha, grey, names with blanks and umlauts: all become 8-bit RGB', async (t) => {
  const red = { r: 200, g: 40, b: 40 };
  const dir = files(t, {
    'in/c/1 sixteen.png': await sharp(
      Uint16Array.from({ length: 48 }, () => 128 * 257),
      {
        raw: { width: 8, height: 6, channels: 1 },
      },
    )
      .toColourspace('grey16')
      .png()
      .toBuffer(),
    'in/c/2 größe.jpg': await flat(red).toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer(),
    'in/c/3.gif': await flat(red).gif().toBuffer(),
    'in/c/4.png': await flat({ ...red, alpha: 0.5 })
      .png()
      .toBuffer(),
    'in/c/5.jpg': await flat({ r: 90, g: 90, b: 90 }).toColourspace('b-w').jpeg().toBuffer(),
  });
  const metadata = await Promise.all(
    ['1 sixteen.png', '2 größe.jpg', '4.png'].map((name) => sharp(join(dir, 'in/c', name)).metadata()),
  );
  t.deepEqual(
    metadata.map(({ depth, space, hasAlpha }) => [depth, space, hasAlpha]),
    [
      ['ushort', 'grey16', false],
      ['uchar', 'cmyk', false],
      ['uchar', 'srgb', true],
    ],
  );
  await importExamples(await findFolders(join(dir, 'in')), join(dir, 'out'));
  const { images, size } = await firstBatch(t, join(dir, 'out'), 'train');
  const colors = Array.from({ length: size }, (_, i) =>
    Array.from(images.subarray(i * 144, i * 144 + 3), (value) => Math.round(value * 255)),
  );
  const near = (found: number[], expected: number[], by: number) =>
    t.true(
      found.every((value, i) => Math.abs(value - expected[i]!) <= by),
      `${found} is not ${expected}`,
    );
  near(colors[0]!, [128, 128, 128], 1);
  near(colors[1]!, [200, 40, 40], 30); // a CMYK press does not reach every colour
  near(colors[2]!, [200, 40, 40], 2);
  near(colors[3]!, [200, 40, 40], 1);
  near(colors[4]!, [90, 90, 90], 1);
});

test('a JPEG of 12 bits, which no decoder at hand knows, is named', async (t) => {
  const jpeg = await flat({ r: 1, g: 2, b: 3 }).jpeg().toBuffer();
  jpeg[jpeg.indexOf(Buffer.from([0xff, 0xc0])) + 4] = 12;
  const dir = files(t, { 'in/c/a.jpg': jpeg, 'in/c/b.png': await grey(1) });
  const source = await findFolders(join(dir, 'in'));
  await t.throwsAsync(importExamples(source, join(dir, 'out')), {
    instanceOf: DataError,
    message: (text) =>
      text.startsWith(`${join(dir, 'in', 'c', 'a.jpg')}: image cannot be decoded: `) &&
      /VipsJpeg: Unsupported JPEG data precision 12$|a kind that the decoder does not know$/.test(text),
  });
  const { skipped } = await importExamples(source, join(dir, 'out'), { skipBad: true });
  t.is(skipped.length, 1);
});

test('a photo on its side: the stated size tells how it was annotated, for boxes and masks', async (t) => {
  // Orientation 6: stored 8x6, shown 6x8; the stored upper left corner is shown at the upper right.
  const photo = await grey(10, 8, 6, 'jpeg', 6);
  const annotations = (width: number, height: number) => {
    const corner = [0, 0, 4, 0, 4, 3, 0, 3];
    const annotation = { id: 1, image_id: 1, category_id: 1, bbox: [0, 0, 4, 3], segmentation: [corner] };
    const images = [{ id: 1, file_name: 'a.jpg', width, height }];
    return JSON.stringify({ images, annotations: [annotation], categories: [{ id: 1, name: 'c' }] });
  };
  const shown = async (width: number, height: number) => {
    const dir = files(t, { 'a.jpg': photo, 'x.json': annotations(width, height) });
    const source = await findCoco([{ split: 'train', images: dir, annotations: join(dir, 'x.json') }]);
    await importExamples(source, join(dir, 'out'));
    const { boxes, masks } = await firstBatch(t, join(dir, 'out'), 'train', [8, 6]);
    return { boxes: rounded(boxes), mask: drawn(masks[0]!.mask, 6) };
  };
  t.deepEqual(await shown(8, 6), {
    boxes: [[0.5, 0, 1, 0.5]],
    mask: [...Array(4).fill('...###'), ...Array(4).fill('......')],
  });
  t.deepEqual(await shown(6, 8), {
    boxes: [[0, 0, 0.6667, 0.375]],
    mask: [...Array(3).fill('####..'), ...Array(5).fill('......')],
  });
});

test('a square, mirrored or upside-down photo is taken to be annotated as it is shown; VOC masks turn too', async (t) => {
  const xml = (size: number[]) =>
    `<annotation><filename>a.jpg</filename><size><width>${size[0]}</width><height>${size[1]}</height></size><object><name>c</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>4</xmax><ymax>3</ymax></bndbox></object></annotation>`;
  const upsideDown = files(t, { 'a.jpg': await grey(10, 8, 6, 'jpeg', 3), 'a.xml': xml([8, 6]) });
  await importExamples(await findVoc(upsideDown), join(upsideDown, 'out'));
  t.deepEqual(rounded((await firstBatch(t, join(upsideDown, 'out'), 'train')).boxes), [[0, 0, 0.5, 0.5]]);

  const lying = files(t, {
    'JPEGImages/a.jpg': await grey(10, 8, 6, 'jpeg', 6),
    'Annotations/a.xml': xml([8, 6]),
    'SegmentationObject/a.png': await mask(8, 6, (x, y) => Number(x < 4 && y < 3)),
  });
  await importExamples(await findVoc(lying), join(lying, 'out'));
  const batch = await firstBatch(t, join(lying, 'out'), 'train', [8, 6]);
  t.deepEqual(rounded(batch.boxes), [[0.5, 0, 1, 0.5]]);
  t.deepEqual(drawn(batch.masks[0]!.mask, 6).slice(3, 5), ['...###', '......']);
});
