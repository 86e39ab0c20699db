import sharp from 'sharp';
import { DataError } from '../../../errors/index.ts';
import { readBytes } from '../../file-bytes.ts';
import { decodeMask } from '../../image-decoding.ts';
import { annotatedFrame, type Frame, placeBox, type Sides } from './annotated-frame.ts';
import { boxOfMask, encodeMask } from './stored-image.ts';

/**
 * Reads the mask of what must not matter in an image.
 *
 * @returns the mask as a PNG in the stored image's position and size; undefined when nothing is marked
 * @throws {DataError} that names the file when it is missing, no image, or of another size
 */
export async function readConfounderFile(
  path: string,
  original: Frame,
  stored: { width: number; height: number },
): Promise<Uint8Array | undefined> {
  const { mask, frame } = await decodedMask(path, original, 1);
  return mask.some((value) => value !== 0) ? encodeMask(mask, frame, stored) : undefined;
}

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
  const { mask, frame } = await decodedMask(path, original, threshold);
  const around = boxOfMask(mask, frame.width, frame.height);
  const box = around && placeBox(around, frame, path, () => {});
  if (!box) throw new DataError(`${path}: the mask is empty`);
  return { ...box, mask: await encodeMask(mask, frame, stored) };
}

async function decodedMask(path: string, original: Frame, threshold: number) {
  const bytes = await readBytes(path);
  const size = await sharp(bytes)
    .metadata()
    .catch(() => ({ width: 0, height: 0 }));
  const frame = annotatedFrame(original, size);
  return { mask: await decodeMask(bytes, frame, path, threshold), frame };
}
