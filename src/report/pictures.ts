import sharp from 'sharp';
import { openDataset } from '../data/index.ts';
import { DataError } from '../errors/index.ts';
import type { ImageRecord, MapThumbnail } from '../evaluation/index.ts';
import {
  colorMap,
  frameStrip,
  grayscale,
  overlayMap,
  type PixelMap,
  type RgbImage,
  resizeMap,
  rgbImage,
  shownFrames,
  webpAddress,
} from '../pictures/index.ts';

/** Where the images of an evaluation come from, and how they were brought to its size. */
export interface PictureSource {
  readonly dir: string;
  readonly split: string;
  readonly imageSize: readonly [number, number];
  /** T, of clips. @default images */
  readonly frames?: number | undefined;
  readonly fit: 'squash' | 'crop';
}

/**
 * Reads images of a split as the evaluation saw them, by their place in it; of clips some frames side by side.
 *
 * @returns by id
 * @throws {DataError} when the data set is missing or damaged, or holds another image at the place
 */
export async function readPictures(
  records: readonly ImageRecord[],
  { dir, split, imageSize, frames, fit }: PictureSource,
): Promise<Map<string, RgbImage>> {
  const dataset = await openDataset(dir);
  const picture = (pixels: Float32Array) => {
    if (!frames) return rgbImage(pixels, ...imageSize);
    const strip = frameStrip(pixels, [frames, ...imageSize], shownFrames(frames), 3);
    return rgbImage(strip, ...pictureSize(imageSize, frames));
  };
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
        frames,
        fit,
      });
      for await (const { ids, images: pixels } of batches) {
        if (ids[0] !== id) throw new DataError(`${dir}: image ${index} of ${split} is ${ids[0]}, not ${id}`);
        images.set(id, picture(pixels));
        break;
      }
      if (!images.has(id)) throw new DataError(`${dir}: ${split} has no image ${index} (${id})`);
    }
    return images;
  } finally {
    await dataset.close();
  }
}

/** [H,W] of a picture: of an image itself, of a clip the strip of its shown frames. */
export function pictureSize(
  [height, width]: readonly [number, number],
  frames: number | undefined,
): [number, number] {
  return [height, width * (frames ? shownFrames(frames).length : 1)];
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
