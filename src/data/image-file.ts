import { type Fit, fixedPlacement } from './augmentation.ts';
import { readBytes } from './file-bytes.ts';
import { decodeImage } from './image-decoding.ts';
import { resample } from './resampling.ts';

/** An image as a network takes it, and what of the file it shows. */
export interface ImageView {
  /** [H·W·3], RGB from 0 to 1. */
  readonly pixels: Float32Array;
  /** Of the upright image in the file, in pixels. */
  readonly width: number;
  readonly height: number;
  /** The part of it that is shown, in its pixels. */
  readonly window: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}

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
  return (await readImageView(path, imageSize, fit)).pixels;
}

/** The same, with the size of the image in the file and the part of it that is shown. */
export async function readImageView(
  path: string,
  imageSize: readonly [number, number],
  fit: Fit = 'squash',
): Promise<ImageView> {
  return viewOf(await readBytes(path), path, imageSize, fit);
}

/**
 * {@link readImageFile} of the bytes of a file.
 *
 * @param where beginning of the error message
 * @param mostPixels images of more are refused before they are decoded @default what the decoder takes
 * @throws {DataError} when it is no whole image, or a larger one
 */
export async function readImageBytes(
  encoded: Uint8Array,
  where: string,
  imageSize: readonly [number, number],
  fit: Fit = 'squash',
  mostPixels = Number.POSITIVE_INFINITY,
): Promise<Float32Array> {
  return (await viewOf(encoded, where, imageSize, fit, mostPixels)).pixels;
}

async function viewOf(
  encoded: Uint8Array,
  where: string,
  imageSize: readonly [number, number],
  fit: Fit,
  mostPixels = Number.POSITIVE_INFINITY,
): Promise<ImageView> {
  const { pixels, full } = await decodeImage(encoded, where, {}, (width, height) => {
    if (width * height <= mostPixels) return 1;
    throw new Error(
      `it is ${width}x${height}, more than the ${mostPixels / 1e6} million pixels that are taken`,
    );
  });
  const [height, width] = imageSize;
  const data = new Float32Array(height * width * 3);
  const { window } = fixedPlacement(pixels, { height, width }, fit);
  resample(pixels, 3, window, { data, offset: 0, width, height }, 1 / 255, false);
  return { pixels: data, width: full.width, height: full.height, window };
}
