import { readFile } from 'node:fs/promises';
import sharp from 'sharp';
import { DataError, UsageError } from '../../errors/index.ts';
import { decodeImage } from '../image-decoding.ts';

/** An image as it goes into a record. */
export interface StoredImage {
  encoded: Uint8Array;
  format: string;
  width: number;
  height: number;
  /** Size and EXIF orientation (1: upright) of the file, before anything was changed. */
  original: { width: number; height: number; orientation: number };
}

/** What every reader of TFRecords understands; the rest is stored as PNG. */
const KEPT_FORMATS = new Set(['jpeg', 'png', 'webp']);

/**
 * Reads an image file and makes it fit for a record. Its bytes are kept where they can be: an upright 8-bit RGB or
 * grey JPEG, PNG or WebP. A photo that a camera laid on its side is turned; CMYK, 16 bits, GIF and TIFF become
 * 8-bit RGB. Every image is decoded once, so that a broken one is found here and not in training.
 *
 * @param longestSide shrink larger images to this, keeping their shape
 * @throws {DataError} that names the file, when it is missing or broken
 * @throws {UsageError} for a longest side that is no positive integer
 */
export async function readImage(path: string, longestSide?: number): Promise<StoredImage> {
  if (longestSide !== undefined && !(Number.isInteger(longestSide) && longestSide > 0)) {
    throw new UsageError(`images cannot be resized to ${longestSide} pixels`);
  }
  const bytes = await readFile(path).catch((cause: NodeJS.ErrnoException) => {
    throw new DataError(`${path}: ${cause.code === 'ENOENT' ? 'no such file' : cause.message}`, { cause });
  });
  const { pixels } = await decodeImage(bytes, path);
  const { format, width, height, orientation = 1, space, depth, hasAlpha } = await sharp(bytes).metadata();
  const original = { width, height, orientation };

  const large = longestSide !== undefined && Math.max(pixels.width, pixels.height) > longestSide;
  const plain = (space === 'srgb' || space === 'b-w') && depth === 'uchar' && !hasAlpha;
  if (KEPT_FORMATS.has(format) && plain && orientation === 1 && !large) {
    return { encoded: bytes, format, width, height, original };
  }
  const image = sharp(pixels.data, { raw: { width: pixels.width, height: pixels.height, channels: 3 } });
  if (large) image.resize(longestSide, longestSide, { fit: 'inside' });
  const encoder = format === 'jpeg' ? image.jpeg({ quality: 95, chromaSubsampling: '4:4:4' }) : image.png();
  const { data, info } = await encoder.toBuffer({ resolveWithObject: true });
  return { encoded: data, format: info.format, width: info.width, height: info.height, original };
}

/** Masks are kept in the size of the stored image. */
export function encodeMask(
  mask: Uint8Array,
  width: number,
  height: number,
  target: { width: number; height: number },
): Promise<Uint8Array> {
  const image = sharp(
    mask.map((value) => (value > 0 ? 255 : 0)),
    { raw: { width, height, channels: 1 } },
  );
  if (width !== target.width || height !== target.height) {
    image.resize(target.width, target.height, { fit: 'fill' }).threshold(128);
  }
  return image.toColourspace('b-w').png().toBuffer();
}

/** The box around a mask, normalised; undefined when the mask is empty. */
export function boxOfMask(mask: Uint8Array, width: number, height: number) {
  let [left, top, right, bottom] = [width, height, 0, 0];
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    left = Math.min(left, x);
    right = Math.max(right, x + 1);
    top = Math.min(top, y);
    bottom = Math.max(bottom, y + 1);
  }
  if (right === 0) return undefined;
  return { xmin: left / width, ymin: top / height, xmax: right / width, ymax: bottom / height };
}
