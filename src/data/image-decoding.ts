import sharp from 'sharp';
import { DataError } from '../errors/index.ts';

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
    const image = sharp(encoded, { failOn: FAIL_ON, limitInputPixels: 0x3fff * 0x3fff });
    const { width, height, autoOrient } = await image.metadata();
    const lying = stored.width === width && stored.height === height;
    const full = lying ? { width, height } : autoOrient;
    if ((stored.width ?? full.width) !== full.width || (stored.height ?? full.height) !== full.height) {
      throw new Error(
        `it is ${full.width}x${full.height}, its record says ${stored.width}x${stored.height} (width x height)`,
      );
    }
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

/**
 * Decodes a mask: one channel, not 0 inside the object.
 *
 * @param size what the mask must measure, that of its image
 * @param threshold values from this on are inside
 * @returns [H*W], 0 or 1
 * @throws {DataError} when it is no image, or of another size
 */
export async function decodeMask(
  encoded: Uint8Array,
  size: Size,
  where: string,
  threshold = 1,
): Promise<Uint8Array> {
  const { data, info } = await sharp(encoded, { failOn: FAIL_ON })
    .extractChannel(0)
    .raw({ depth: 'uchar' })
    .toBuffer({ resolveWithObject: true })
    .catch((cause) => {
      throw new DataError(`${where}: mask cannot be decoded: ${oneLine(cause)}`, { cause });
    });
  if (info.width !== size.width || info.height !== size.height) {
    throw new DataError(
      `${where}: mask is ${info.width}x${info.height}, its image ${size.width}x${size.height} (width x height)`,
    );
  }
  for (let i = 0; i < data.length; i++) data[i] = data[i]! >= threshold ? 1 : 0;
  return data;
}

/** libvips keeps one text of errors for all threads: another image read meanwhile can empty it. */
function oneLine(error: unknown): string {
  const message = (error instanceof Error ? error.message : String(error)).trim().replace(/\s*\n\s*/g, '; ');
  return message === 'Unknown error' ? 'it is damaged, or of a kind that the decoder does not know' : message;
}
