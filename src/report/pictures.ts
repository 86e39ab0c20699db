import sharp from 'sharp';
import { openDataset } from '../data/index.ts';
import { DataError } from '../errors/index.ts';
import type { ImageRecord, MapThumbnail } from '../evaluation/index.ts';
import {
  colorMap,
  grayscale,
  overlayMap,
  type PixelMap,
  type RgbImage,
  resizeMap,
  rgbImage,
  webpAddress,
} from '../pictures/index.ts';

/** Where the images of an evaluation come from, and how they were brought to its size. */
export interface PictureSource {
  readonly dir: string;
  readonly split: string;
  readonly imageSize: readonly [number, number];
  readonly fit: 'squash' | 'crop';
}

/**
 * Reads images of a split as the evaluation saw them, by their place in it.
 *
 * @returns by id
 * @throws {DataError} when the data set is missing or damaged, or holds another image at the place
 */
export async function readPictures(
  records: readonly ImageRecord[],
  { dir, split, imageSize, fit }: PictureSource,
): Promise<Map<string, RgbImage>> {
  const dataset = await openDataset(dir);
  try {
    if (!(split in dataset.info.splits)) throw new DataError(`${dir}: there is no split ${split}`);
    const images = new Map<string, RgbImage>();
    for (const { id, index } of records) {
      const batches = dataset.batches(split, {
        batchSize: 1,
        skipBatches: index,
        prefetch: 1,
        workers: 0,
        masks: 'none',
        imageSize,
        fit,
      });
      for await (const { ids, images: pixels } of batches) {
        if (ids[0] !== id) throw new DataError(`${dir}: image ${index} of ${split} is ${ids[0]}, not ${id}`);
        images.set(id, rgbImage(pixels, ...imageSize));
        break;
      }
      if (!images.has(id)) throw new DataError(`${dir}: ${split} has no image ${index} (${id})`);
    }
    return images;
  } finally {
    await dataset.close();
  }
}

/** The stored map as numbers from 0 to 1. */
export function mapOf({ height, width, data }: MapThumbnail): PixelMap {
  return { height, width, data: Float32Array.from(Buffer.from(data, 'base64'), (byte) => byte / 255) };
}

/** The map over the image without its colours, so that every colour seen is the map's; alone where there is no image. */
export function heatPicture(
  image: RgbImage | undefined,
  map: PixelMap,
  size: readonly [number, number],
): RgbImage {
  return image ? overlayMap(grayscale(image), map) : colorMap(resizeMap(map, ...size), 'inferno');
}

/** An image file as a `data:` address, with its size. */
export async function fileAddress(path: string): Promise<{ address: string; width: number; height: number }> {
  try {
    const image = sharp(path);
    const { width, height } = await image.metadata();
    return { address: await webpAddress(image, 2000), width, height };
  } catch (cause) {
    throw new DataError(`${path}: not an image, or damaged: ${(cause as Error).message.trim()}`, { cause });
  }
}
