import sharp from 'sharp';
import { decodeImage, decodeMask } from '../../src/data/image-decoding.ts';
import { DataError } from '../../src/errors/index.ts';
import type { Random } from '../../src/random/index.ts';
import { damaged } from './data-inputs.ts';
import { type FuzzTarget, wrong } from './target.ts';

/** Formats that keep every number, and those that do not. */
const LOSSLESS = ['png', 'tiff', 'webp'] as const;
const formats = [...LOSSLESS, 'jpeg', 'gif', 'avif'] as const;
type Format = (typeof formats)[number];

interface Drawn {
  readonly format: Format;
  readonly width: number;
  readonly height: number;
  /** Of a pixel: grey, grey and alpha, colours, colours and alpha. */
  readonly channels: 1 | 2 | 3 | 4;
  readonly wide: boolean;
  /** EXIF, 1 to 8. */
  readonly orientation: number;
  readonly numbers: Uint8Array | Uint16Array;
}

function draw(random: Random): Drawn {
  const format = formats[random.integer(formats.length)]!;
  const [width, height] = [1 + random.integer(20), 1 + random.integer(20)];
  const channels = ([3, 1, 4, 2] as const)[random.integer(4)]!;
  const wide = (format === 'png' || format === 'tiff') && random.integer(4) === 3;
  // sharp writes an orientation with a colour profile only, by which 16 bits are converted and rounded.
  const turns = format === 'jpeg' || (format === 'tiff' && !wide);
  const orientation = turns ? 1 + random.integer(8) : 1;
  const size = width * height * channels;
  const numbers = wide ? new Uint16Array(size) : new Uint8Array(size);
  const few = random.integer(3) === 2;
  // As many draws as make a picture, not one for each number: what fails is shrunk faster.
  const values = Array.from({ length: 1 + random.integer(6) }, () => random.integer(few ? 2 : 256));
  for (let i = 0; i < size; i++)
    numbers[i] = (values[(i * 7 + (i >> 3)) % values.length]! * (wide ? 257 : 1)) >>> 0;
  return { format, width, height, channels, wide, orientation, numbers };
}

async function encode({ format, width, height, channels, orientation, numbers }: Drawn): Promise<Buffer> {
  const image = sharp(numbers, { raw: { width, height, channels } });
  if (numbers instanceof Uint16Array) image.toColourspace(channels < 3 ? 'grey16' : 'rgb16');
  else if (channels < 3) image.toColourspace('b-w');
  if (orientation > 1) image.withMetadata({ orientation });
  if (format === 'webp') return image.webp({ lossless: true, exact: true }).toBuffer();
  if (format === 'tiff') return image.tiff({ compression: 'lzw' }).toBuffer();
  return image[format]().toBuffer();
}

/** What decoding has to give: RGB, upright, without alpha. */
function expected({ width, height, channels, wide, orientation, numbers }: Drawn) {
  const turned = orientation >= 5;
  const [w, h] = turned ? [height, width] : [width, height];
  const data = new Uint8Array(w * h * 3);
  for (let y = 0; y < h; y++) {
    for (let x = 0; x < w; x++) {
      // Where the pixel lies in the file (EXIF 2.32, 4.6.4).
      const [a, b] = turned ? [y, x] : [x, y];
      const fromRight = [2, 3, 7, 8].includes(orientation);
      const fromBottom = [3, 4, 6, 7].includes(orientation);
      const [column, row] = [fromRight ? width - 1 - a : a, fromBottom ? height - 1 - b : b];
      for (let c = 0; c < 3; c++) {
        const at = (row * width + column) * channels + (channels < 3 ? 0 : c);
        data[(y * w + x) * 3 + c] = wide ? numbers[at]! >> 8 : numbers[at]!;
      }
    }
  }
  return { width: w, height: h, data };
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** A PNG that says it is of another size, with a CRC that fits: it would be gigabytes, were it believed. */
function enlarged(png: Buffer, width: number, height: number): Buffer {
  const result = Buffer.from(png);
  result.writeUInt32BE(width >>> 0, 16);
  result.writeUInt32BE(height >>> 0, 20);
  let crc = 0xffffffff;
  for (const byte of result.subarray(12, 29)) crc = CRC[(crc ^ byte) & 255]! ^ (crc >>> 8);
  result.writeUInt32BE((crc ^ 0xffffffff) >>> 0, 29);
  return result;
}

/** Images of every format, whole and damaged, and those that lie about their size. */
export const imagesTarget: FuzzTarget = {
  name: 'images',
  describe:
    'images and masks of every format, turned, in 8 and 16 bits, damaged, or of a size that they do not have: the very pixels, or a typed error',
  short: 60,
  seconds: 10,
  async run(random) {
    const drawn = draw(random);
    const { format, width, height, channels, wide, orientation } = drawn;
    const text = `${format} ${width}x${height}x${channels}${wide ? ', 16 bits' : ''}, orientation ${orientation}`;
    const whole = await encode(drawn);
    const lies = format === 'png' && random.integer(4) === 3;
    const bytes = lies
      ? enlarged(whole, width + random.integer(2 ** 31), height + random.integer(2 ** 31))
      : Buffer.from(damaged(whole, random));
    const asMask = random.integer(3) === 2;
    if (asMask) return decodedAsMask(bytes, drawn, text, bytes.equals(whole));
    const { pixels, full } = await decodeImage(bytes, 'x');
    if (pixels.data.length !== pixels.width * pixels.height * 3)
      wrong(`${text}: ${pixels.data.length} bytes`);
    if (full.width !== pixels.width || full.height !== pixels.height) wrong(`${text}: full is another size`);
    if (!bytes.equals(whole)) return;
    const right = expected(drawn);
    if (pixels.width !== right.width || pixels.height !== right.height) {
      wrong(`${text}: decoded to ${pixels.width}x${pixels.height}`);
    }
    if (!(LOSSLESS as readonly string[]).includes(format)) return;
    // Colours below no alpha at all are the encoder's to choose.
    const at = right.data.findIndex((value, i) => Math.abs(pixels.data[i]! - value) > (wide ? 1 : 0));
    if (at >= 0) wrong(`${text}: byte ${at} is ${pixels.data[at]}, not ${right.data[at]}`);
  },
};

async function decodedAsMask(bytes: Buffer, drawn: Drawn, text: string, isWhole: boolean): Promise<void> {
  const { width, height, channels, numbers, wide, format } = drawn;
  const mask = await decodeMask(bytes, { width, height }, 'x').catch((error: unknown) => {
    // A whole mask is read, whatever is in it; 16 bits of floating point are none of whole numbers.
    if (isWhole && error instanceof DataError) wrong(`${text}, mask: ${error.message}`);
    throw error;
  });
  if (mask.length !== width * height) wrong(`${text}, mask: ${mask.length} pixels`);
  if (mask.some((value) => value > 1)) wrong(`${text}, mask: a value above 1`);
  if (!isWhole || format === 'jpeg' || format === 'avif' || format === 'gif') return;
  const colours = channels === 2 || channels === 4 ? channels - 1 : channels;
  const half = wide ? 0x8000 : 0x80;
  const inside = (i: number) =>
    numbers.subarray(i * channels, i * channels + colours).some((value) => value >= 1);
  const opaque = (i: number) => colours === channels || numbers[i * channels + colours]! >= half;
  const pixels = Array.from({ length: width * height }, (_, i) => i);
  const united = pixels.map((i) => Number(inside(i) && opaque(i)));
  const isSilhouette = colours < channels && !united.includes(1) && pixels.some((i) => !opaque(i));
  const right = isSilhouette ? pixels.map((i) => Number(opaque(i))) : united;
  const at = right.findIndex((value, i) => value !== mask[i]);
  if (at >= 0) wrong(`${text}, mask: pixel ${at} is ${mask[at]}, not ${right[at]}`);
}
