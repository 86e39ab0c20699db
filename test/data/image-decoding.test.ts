import test from 'ava';
import sharp from 'sharp';
import { decodeImage, decodeMask } from '../../src/data/image-decoding.ts';
import { DataError } from '../../src/errors/index.ts';

/** 32x16: left half red, right half blue. */
const size = { width: 32, height: 16 };
const pixels = Uint8Array.from({ length: 32 * 16 * 3 }, (_, i) => {
  const left = Math.floor(i / 3) % 32 < 16;
  return (i % 3 === 0 && left) || (i % 3 === 2 && !left) ? 255 : 0;
});
const picture = () => sharp(pixels, { raw: { ...size, channels: 3 } });

function at(image: { data: Uint8Array; width: number }, x: number, y: number): number[] {
  return [...image.data.subarray((y * image.width + x) * 3, (y * image.width + x) * 3 + 3)];
}

for (const [format, encode] of Object.entries({
  png: () => picture().png(),
  jpeg: () => picture().jpeg({ quality: 100, chromaSubsampling: '4:4:4' }),
  webp: () => picture().webp({ lossless: true }),
  gif: () => picture().gif(),
  '16-bit png': () => picture().toColourspace('rgb16').png(),
  'png with transparency': () => picture().ensureAlpha(0.5).png(),
  'palette png': () => picture().png({ palette: true }),
})) {
  test(`${format} becomes 8-bit RGB`, async (t) => {
    const { pixels: image, full } = await decodeImage(await encode().toBuffer(), 'x');
    t.deepEqual(full, size);
    t.deepEqual([image.width, image.height, image.data.length], [32, 16, 32 * 16 * 3]);
    for (const [x, color] of [
      [4, [255, 0, 0]],
      [27, [0, 0, 255]],
    ] as const) {
      const found = at(image, x, 8);
      t.true(
        found.every((value, i) => Math.abs(value - color[i]!) <= 3),
        `${x}: ${found}`,
      );
    }
  });
}

test('grey of 8 and of 16 bits becomes RGB of the same lightness', async (t) => {
  const grey = sharp(
    Uint8Array.from({ length: 4 }, (_, i) => i * 80),
    { raw: { width: 2, height: 2, channels: 1 } },
  );
  for (const space of ['b-w', 'grey16']) {
    const { pixels: image } = await decodeImage(
      await grey.clone().toColourspace(space).png().toBuffer(),
      'x',
    );
    t.deepEqual([...image.data], [0, 0, 0, 80, 80, 80, 160, 160, 160, 240, 240, 240], space);
  }
});

test('a CMYK JPEG becomes RGB', async (t) => {
  const cmyk = await picture().toColourspace('cmyk').jpeg({ quality: 100 }).toBuffer();
  t.is((await sharp(cmyk).metadata()).space, 'cmyk');
  const { pixels: image } = await decodeImage(cmyk, 'x');
  const [red, green, blue] = at(image, 4, 8) as [number, number, number];
  t.true(red > 180 && green < 90 && blue < 90, `${[red, green, blue]}`);
});

test('of an animated GIF the first frame is taken', async (t) => {
  const frames = [0, 255].map((value) => {
    const background = { r: value, g: 0, b: 0 };
    return sharp({ create: { width: 4, height: 4, channels: 3, background } })
      .png()
      .toBuffer();
  });
  const animated = await sharp(await Promise.all(frames), { join: { animated: true } })
    .gif()
    .toBuffer();
  t.is((await sharp(animated).metadata()).pages, 2);
  const { pixels: image } = await decodeImage(animated, 'x');
  t.deepEqual([image.width, image.height, at(image, 1, 1)[0]], [4, 4, 0]);
});

test('a photo that lies on its side is turned upright, unless its record counts on it lying', async (t) => {
  // Orientation 6: the camera was turned; upright, the left half comes to lie above.
  const photo = await picture().withMetadata({ orientation: 6 }).jpeg({ quality: 100 }).toBuffer();
  for (const stored of [{}, { width: 16, height: 32 }]) {
    const { pixels: image, full } = await decodeImage(photo, 'x', stored);
    t.deepEqual([image.width, image.height, full], [16, 32, { width: 16, height: 32 }]);
    t.true(at(image, 8, 4)[0]! > 240 && at(image, 8, 27)[2]! > 240);
  }
  const { pixels: lying } = await decodeImage(photo, 'x', size);
  t.deepEqual([lying.width, lying.height], [32, 16]);
  t.true(at(lying, 4, 8)[0]! > 240);
});

test('shrinking while decoding keeps the picture and reports its full size', async (t) => {
  const { pixels: image, full } = await decodeImage(
    await picture().jpeg({ quality: 100 }).toBuffer(),
    'x',
    {},
    () => 4,
  );
  t.deepEqual([image.width, image.height, full], [8, 4, size]);
  t.true(at(image, 1, 2)[0]! > 240 && at(image, 6, 2)[2]! > 240);
});

for (const format of ['jpeg', 'png', 'webp', 'gif'] as const) {
  test(`a ${format} cut in half is an error that says where`, async (t) => {
    const noisy = sharp(
      Uint8Array.from({ length: 48 * 48 * 3 }, (_, i) => (i * i * 7919) % 251),
      { raw: { width: 48, height: 48, channels: 3 } },
    );
    const whole = await noisy.toFormat(format).toBuffer();
    await t.throwsAsync(decodeImage(whole.subarray(0, whole.length / 2), 'a.tfrecord, record 3'), {
      instanceOf: DataError,
      message: /^a\.tfrecord, record 3: image cannot be decoded: [^\n]+$/,
    });
  });
}

test('bytes that are no image, and an image of another size than its record says', async (t) => {
  await t.throwsAsync(decodeImage(Buffer.from('no image'), 'x'), {
    instanceOf: DataError,
    message: /^x: image cannot be decoded: /,
  });
  await t.throwsAsync(decodeImage(await picture().png().toBuffer(), 'x', { width: 32, height: 17 }), {
    instanceOf: DataError,
    message: 'x: image cannot be decoded: it is 32x16, its record says 32x17 (width x height)',
  });
});

test('masks of 0 and 1, of 0 and 255, and of one bit mean the same', async (t) => {
  const bits = [0, 1, 1, 0, 0, 1];
  for (const scale of [1, 255]) {
    for (const options of [{}, { palette: true, colours: 2 }]) {
      const mask = sharp(
        Uint8Array.from(bits, (bit) => bit * scale),
        { raw: { width: 3, height: 2, channels: 1 } },
      );
      const decoded = await decodeMask(
        await mask.toColourspace('b-w').png(options).toBuffer(),
        { width: 3, height: 2 },
        'x',
      );
      t.deepEqual([...decoded], bits, `${scale} ${JSON.stringify(options)}`);
    }
  }
});

test('a mask of the wrong size, and one that is broken', async (t) => {
  const mask = await sharp(new Uint8Array(6), { raw: { width: 3, height: 2, channels: 1 } })
    .png()
    .toBuffer();
  await t.throwsAsync(decodeMask(mask, { width: 2, height: 3 }, 'x, object 0'), {
    instanceOf: DataError,
    message: 'x, object 0: mask is 3x2, its image 2x3 (width x height)',
  });
  await t.throwsAsync(decodeMask(mask.subarray(0, 30), { width: 3, height: 2 }, 'x, object 0'), {
    instanceOf: DataError,
    message: /^x, object 0: mask cannot be decoded: /,
  });
});
