import sharp from 'sharp';
import { UsageError } from '../../../errors/index.ts';
import { readBytes } from '../../file-bytes.ts';
import { decodeImage } from '../../image-decoding.ts';
import { type Frame, turnMask } from './annotated-frame.ts';

/** An image as it goes into a record. */
export interface StoredImage {
  encoded: Uint8Array;
  format: string;
  width: number;
  height: number;
  /** Size and EXIF orientation (1: upright) of the file, before anything was changed. */
  original: Frame;
}

/** What every reader of TFRecords understands; the rest is stored as PNG. */
const KEPT_FORMATS = new Set(['jpeg', 'png', 'webp']);

/**
 * Reads an image file and makes it fit for a record; see {@link storeImage}.
 *
 * @throws {DataError} that names the file, when it is missing or broken
 */
export async function readImage(path: string, longestSide?: number): Promise<StoredImage> {
  const bytes = await readBytes(path);
  return storeImage(bytes, path, longestSide);
}

/**
 * Makes an image fit for a record. Its bytes are kept where they can be: an upright 8-bit RGB or grey JPEG, PNG or
 * WebP. A photo that a camera laid on its side is turned; CMYK, 16 bits, GIF and TIFF become 8-bit RGB. Every image
 * is decoded once, so that a broken one is found here and not in training.
 *
 * @param where beginning of the error message
 * @param longestSide shrink larger images to this, keeping their shape
 * @throws {DataError} for an image that cannot be decoded
 * @throws {UsageError} for a longest side that is no positive integer
 */
export async function storeImage(
  bytes: Uint8Array,
  where: string,
  longestSide?: number,
): Promise<StoredImage> {
  if (longestSide !== undefined && !(Number.isInteger(longestSide) && longestSide > 0)) {
    throw new UsageError(`images cannot be resized to ${longestSide} pixels`);
  }
  const { pixels } = await decodeImage(bytes, where);
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

/**
 * Encodes a mask in the position and size of the stored image.
 *
 * @param mask [height*width] of the frame, not 0 in the object
 */
export function encodeMask(
  mask: Uint8Array,
  frame: Frame,
  target: { width: number; height: number },
): Promise<Uint8Array> {
  const upright = turnMask(mask, frame);
  const image = sharp(
    upright.mask.map((value) => (value > 0 ? 255 : 0)),
    { raw: { width: upright.width, height: upright.height, channels: 1 } },
  );
  if (upright.width !== target.width || upright.height !== target.height) {
    image.resize(target.width, target.height, { fit: 'fill' }).threshold(128);
  }
  return image.toColourspace('b-w').png().toBuffer();
}

/** The box around a mask in pixels, as edges; undefined when the mask is empty. */
export function boxOfMask(mask: Uint8Array, width: number, height: number) {
  let [xmin, ymin, xmax, ymax] = [width, height, 0, 0];
  for (let i = 0; i < mask.length; i++) {
    if (!mask[i]) continue;
    const [x, y] = [i % width, Math.floor(i / width)];
    xmin = Math.min(xmin, x);
    xmax = Math.max(xmax, x + 1);
    ymin = Math.min(ymin, y);
    ymax = Math.max(ymax, y + 1);
  }
  return xmax === 0 ? undefined : { xmin, ymin, xmax, ymax };
}
