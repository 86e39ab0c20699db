import sharp from 'sharp';
import { DataError } from '../errors/index.ts';
import { decodePlainPng } from './plain-png.ts';

interface Size {
  width: number;
  height: number;
}

/** Pixels of an upright image: [height, width, channels] bytes. */
export interface Pixels extends Size {
  data: Uint8Array;
}

/** Broken files are errors; files that only break a detail of their format (stray bytes, odd profiles) are read. */
const FAIL_ON = 'truncated';

/** A file of a few kilobytes can hold any number of pixels of one colour. 150 million take 450 MB when decoded. */
const MOST_PIXELS = 150e6;

/**
 * Decodes JPEG, PNG, WebP, GIF (first frame), TIFF, AVIF to 8-bit RGB. Grey and CMYK are converted, 16 bits
 * become 8, transparency is dropped, and the orientation that a camera wrote (EXIF) is applied.
 *
 * @param encoded the image file
 * @param where beginning of the error message
 * @param stored size that the record states, where it does. A record whose width and height are those of the file
 * *before* it is turned upright was written by a program that does not know EXIF: its image is left as it lies.
 * @param shrink decode at 1/shrink of the size, for images much larger than what is needed
 * @returns the pixels, and the size of the image before it was shrunk
 * @throws {DataError} when the file is no image, is cut short, or is of another size than the record states
 */
export async function decodeImage(
  encoded: Uint8Array,
  where: string,
  stored: { width?: number; height?: number } = {},
  shrink: (width: number, height: number) => number = () => 1,
): Promise<{ pixels: Pixels; full: Size }> {
  try {
    const plain = decodePlainPng(encoded);
    if (plain && shrink(plain.width, plain.height) <= 1) {
      requireSize(plain, stored);
      return { pixels: plain, full: { width: plain.width, height: plain.height } };
    }
    const image = sharp(encoded, { failOn: FAIL_ON, limitInputPixels: MOST_PIXELS });
    const { width, height, autoOrient } = await image.metadata();
    const lying = stored.width === width && stored.height === height;
    const full = lying ? { width, height } : autoOrient;
    requireSize(full, stored);
    if (!lying) image.autoOrient();
    const factor = shrink(full.width, full.height);
    if (factor > 1) {
      image.resize(Math.round(full.width / factor), Math.round(full.height / factor), { fit: 'fill' });
    }
    const { data, info } = await image
      .toColourspace('srgb')
      .removeAlpha()
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    if (info.channels !== 3) throw new Error(`${info.channels} channels instead of 3`);
    return { pixels: { data, width: info.width, height: info.height }, full };
  } catch (cause) {
    throw new DataError(`${where}: image cannot be decoded: ${oneLine(cause)}`, { cause });
  }
}

/** @throws {Error} when an image is of another size than its record states */
function requireSize(full: Size, stored: { width?: number; height?: number }): void {
  if ((stored.width ?? full.width) === full.width && (stored.height ?? full.height) === full.height) return;
  throw new Error(
    `it is ${full.width}x${full.height}, its record says ${stored.width}x${stored.height} (width x height)`,
  );
}

/**
 * Decodes a mask: a pixel is inside where any of its colours is not 0, in 8 or 16 bits, grey, coloured or with a
 * palette. What is transparent is outside; a mask of one colour, black on transparent, is inside where it is opaque.
 * The colours of a JPEG are never exact: there the middle divides.
 *
 * @param size what the mask must measure, that of its image
 * @param threshold values from this on, of 255, are inside
 * @returns [H*W], 0 or 1
 * @throws {DataError} when it is no image, of another size, or its pixels are no whole numbers of 8 or 16 bits
 */
export async function decodeMask(
  encoded: Uint8Array,
  size: Size,
  where: string,
  threshold = 1,
): Promise<Uint8Array> {
  const { data, channels, width, height, hasAlpha, from } = await maskNumbers(encoded, threshold).catch(
    (cause) => {
      throw new DataError(`${where}: mask cannot be decoded: ${oneLine(cause)}`, { cause });
    },
  );
  if (width !== size.width || height !== size.height) {
    throw new DataError(
      `${where}: mask is ${width}x${height}, its image ${size.width}x${size.height} (width x height)`,
    );
  }
  const colors = channels - Number(hasAlpha);
  const half = data.BYTES_PER_ELEMENT === 2 ? 0x8000 : 0x80;
  const mask = new Uint8Array(width * height);
  const opaque = new Uint8Array(hasAlpha ? mask.length : 0);
  for (let i = 0; i < mask.length; i++) {
    if (hasAlpha) opaque[i] = data[i * channels + colors]! >= half ? 1 : 0;
    let inside = 0;
    for (let c = 0; c < colors; c++) if (data[i * channels + c]! >= from) inside = 1;
    mask[i] = hasAlpha ? inside & opaque[i]! : inside;
  }
  const silhouette = hasAlpha && !mask.includes(1) && opaque.includes(0);
  return silhouette ? opaque : mask;
}

/** The numbers of a mask as the file has them, and from which on they are inside. */
async function maskNumbers(encoded: Uint8Array, threshold: number) {
  const image = sharp(encoded, { failOn: FAIL_ON, limitInputPixels: MOST_PIXELS });
  if (isGreyPng(encoded)) {
    const { data, info } = await image
      .extractChannel(0)
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
    const { width, height } = info;
    return { data, channels: 1, width, height, hasAlpha: false, from: threshold };
  }
  const { depth, format, hasAlpha } = await image.metadata();
  if (depth !== 'uchar' && depth !== 'ushort') {
    throw new Error(`its pixels are of the kind ${depth}, expected whole numbers of 8 or 16 bits`);
  }
  const wide = depth === 'ushort';
  const { data, info } = await image
    .toColourspace(wide ? 'rgb16' : 'srgb')
    .raw({ depth })
    .toBuffer({ resolveWithObject: true });
  const { width, height, channels } = info;
  const numbers = wide ? new Uint16Array(data.buffer, data.byteOffset, data.length / 2) : data;
  const lossy = format === 'jpeg' || format === 'heif';
  const least = lossy ? Math.max(threshold, 128) : threshold;
  return { data: numbers, channels, width, height, hasAlpha, from: wide && least > 1 ? least * 257 : least };
}

/** An 8-bit grey PNG without alpha, which all stored masks are: `IHDR` says so at a fixed place. */
function isGreyPng(bytes: Uint8Array): boolean {
  return bytes[0] === 0x89 && bytes[1] === 0x50 && bytes[24] === 8 && bytes[25] === 0;
}

/** libvips keeps one text of errors for all threads: another image read meanwhile can empty it. */
function oneLine(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).trim().replace(/\s*\n\s*/g, '; ');
  return message === 'Unknown error' ? 'it is damaged, or of a kind that the decoder does not know' : message;
}
