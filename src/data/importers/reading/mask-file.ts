import sharp from 'sharp';
import { DataError } from '../../../errors/index.ts';
import { readBytes } from '../../file-bytes.ts';
import { decodeMask } from '../../image-decoding.ts';
import { annotatedFrame, type Frame, placeBox, type Sides } from './annotated-frame.ts';
import { boxOfMask, encodeMask } from './stored-image.ts';

/**
 * Reads the mask of an image that lies in a file of its own.
 *
 * @param original size and orientation of the image file
 * @param stored size of the stored image
 * @param threshold grey values from this on are object
 * @returns the mask as a PNG in the stored image's position and size, and the box around it, normalised
 * @throws {DataError} that names the file when it is missing, no image, of another size or empty
 */
export async function readMaskFile(
  path: string,
  original: Frame,
  stored: { width: number; height: number },
  threshold = 1,
): Promise<Sides & { mask: Uint8Array }> {
  const bytes = await readBytes(path);
  const size = await sharp(bytes)
    .metadata()
    .catch(() => ({ width: 0, height: 0 }));
  const frame = annotatedFrame(original, size);
  const mask = await decodeMask(bytes, frame, path, threshold);
  const around = boxOfMask(mask, frame.width, frame.height);
  const box = around && placeBox(around, frame, path, () => {});
  if (!box) throw new DataError(`${path}: the mask is empty`);
  return { ...box, mask: await encodeMask(mask, frame, stored) };
}
