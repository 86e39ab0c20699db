import { deflateSync } from 'node:zlib';
import test from 'ava';
import sharp from 'sharp';
import { decodePlainPng } from '../../src/data/plain-png.ts';

const [width, height] = [7, 5];
const raw = (channels: 1 | 3) =>
  Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 37 + (i % 11) * 91) % 256);

/** A chunk; nobody reads the checksum of chunks here, since records and the packed data have their own. */
function chunk(type: string, data: Uint8Array): Buffer {
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  return Buffer.concat([length, Buffer.from(type, 'latin1'), data, Buffer.alloc(4)]);
}

/** A PNG whose lines have the filters that are named, in turn. */
function png(
  pixels: Uint8Array,
  channels: 1 | 3,
  filters: readonly number[],
  between: readonly Buffer[] = [],
): Buffer {
  const row = width * channels;
  const at = (x: number, y: number) => (x < 0 || y < 0 ? 0 : pixels[y * row + x]!);
  const lines = Array.from({ length: height }, (_, y) => {
    const filter = filters[y % filters.length]!;
    const line = Array.from({ length: row }, (_, x) => {
      const [a, b, c] = [at(x - channels, y), at(x, y - 1), at(x - channels, y - 1)];
      const ordered = [a, b, c].map((value) => Math.abs(a + b - c - value));
      const paeth = [a, b, c][ordered.indexOf(Math.min(...ordered))]!;
      return at(x, y) - [0, a, b, (a + b) >> 1, paeth][filter]!;
    });
    return Uint8Array.from([filter, ...line]);
  });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, channels === 3 ? 2 : 0, 0, 0, 0], 8);
  const packed = deflateSync(Buffer.concat(lines));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk('IHDR', header),
    ...between,
    chunk('IDAT', packed.subarray(0, 9)),
    chunk('IDAT', packed.subarray(9)),
    chunk('IEND', new Uint8Array(0)),
  ]);
}

test('every filter of a line is taken back, in colour and in grey', (t) => {
  for (const filters of [[0], [1], [2], [3], [4], [4, 3, 2, 1, 0]]) {
    t.deepEqual(decodePlainPng(png(raw(3), 3, filters)), { data: raw(3), width, height }, `${filters}`);
    const grey = Uint8Array.from([...raw(1)].flatMap((value) => [value, value, value]));
    t.deepEqual(decodePlainPng(png(raw(1), 1, filters)), { data: grey, width, height }, `grey ${filters}`);
  }
  t.is(decodePlainPng(png(raw(3), 3, [5])), undefined);
});

test('what libvips writes is read as libvips reads it', async (t) => {
  for (const channels of [1, 3] as const) {
    const image = sharp(raw(channels), { raw: { width, height, channels } });
    for (const adaptiveFiltering of [false, true]) {
      const encoded = await image.clone().png({ adaptiveFiltering }).toBuffer();
      const { data } = await sharp(encoded).toColourspace('srgb').raw().toBuffer({ resolveWithObject: true });
      t.deepEqual([...decodePlainPng(encoded)!.data], [...data], `${channels} ${adaptiveFiltering}`);
    }
  }
});

test('all that is not plain, small and whole is left to libvips', async (t) => {
  const image = sharp(raw(3), { raw: { width, height, channels: 3 } });
  const others = {
    alpha: await image.clone().ensureAlpha(0.5).png().toBuffer(),
    '16 bits': await image.clone().toColourspace('rgb16').png().toBuffer(),
    palette: await image.clone().png({ palette: true }).toBuffer(),
    interlaced: await image.clone().png({ progressive: true }).toBuffer(),
    profile: await image.clone().withIccProfile('p3').png().toBuffer(),
    'turned by EXIF': await image.clone().withMetadata({ orientation: 6 }).png().toBuffer(),
    jpeg: await image.clone().jpeg().toBuffer(),
    large: await image.clone().resize(257, 256).png().toBuffer(),
    'a transparent colour': png(raw(3), 3, [0], [chunk('tRNS', new Uint8Array(6))]),
    nothing: Buffer.alloc(0),
  };
  for (const [what, encoded] of Object.entries(others)) t.is(decodePlainPng(encoded), undefined, what);
  const whole = png(raw(3), 3, [4]);
  for (let length = 0; length < whole.length; length++) {
    t.is(decodePlainPng(whole.subarray(0, length)), undefined, `cut at ${length}`);
  }
  // A header that promises less, or more, than the data holds.
  for (const lines of [height - 1, height + 1]) {
    const lying = Buffer.from(whole);
    lying.writeUInt32BE(lines, 20);
    t.is(decodePlainPng(lying), undefined);
  }
});
