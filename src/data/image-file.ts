import { type Fit, fixedPlacement } from './augmentation.ts';
import { readBytes } from './file-bytes.ts';
import { decodeImage } from './image-decoding.ts';
import { resample } from './resampling.ts';

/**
 * Reads an image file as the images of a data set are read without augmentation: decoded, upright, resampled.
 *
 * @param imageSize [H,W]
 * @param fit how an image of another shape is brought to it @default 'squash'
 * @returns [H·W·3], RGB from 0 to 1
 * @throws {DataError} when it cannot be read, or is no whole image
 */
export async function readImageFile(
  path: string,
  imageSize: readonly [number, number],
  fit: Fit = 'squash',
): Promise<Float32Array> {
  const encoded = await readBytes(path);
  const { pixels } = await decodeImage(encoded, path);
  const [height, width] = imageSize;
  const data = new Float32Array(height * width * 3);
  const { window } = fixedPlacement(pixels, { height, width }, fit);
  resample(pixels, 3, window, { data, offset: 0, width, height }, 1 / 255, false);
  return data;
}
