import { existsSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { openDataset } from '../../data/index.ts';
import { DataError, UsageError } from '../../errors/index.ts';
import type { TrainedNetwork } from '../../run/index.ts';
import { imageEndings } from '../image-sources.ts';
import { grey, readImages } from '../images.ts';
import type { ImageBatch } from './top-images.ts';

export interface UnitImagesOptions {
  readonly batchSize: number;
  /** Of a data set. @default all of its splits */
  readonly splits?: readonly string[] | undefined;
  /** @default all */
  readonly limit?: number | undefined;
}

/** Images to walk over once. */
export interface UnitImages {
  readonly count: number;
  readonly batches: AsyncIterable<ImageBatch>;
}

/**
 * The images of a data set, or the image files of a folder, in the order of their names.
 *
 * @param dir holds a `dataset.json`, or images
 * @throws {UsageError} for a split that does not exist
 * @throws {DataError} for a folder that holds neither, and, while walking, for images that cannot be read
 */
export async function unitImages(
  dir: string,
  subject: TrainedNetwork,
  options: UnitImagesOptions,
): Promise<UnitImages> {
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  return existsSync(join(dir, 'dataset.json'))
    ? ofDataset(dir, subject, options, limit)
    : ofFolder(dir, subject, options, limit);
}

async function ofFolder(
  dir: string,
  subject: TrainedNetwork,
  { splits, batchSize }: UnitImagesOptions,
  limit: number,
): Promise<UnitImages> {
  if (splits !== undefined)
    throw new UsageError(`--split: ${dir} holds no data set (there is no dataset.json)`);
  const names = await readdir(dir).catch((cause: Error) => {
    throw new DataError(`${dir}: cannot be read: ${cause.message}`, { cause });
  });
  const files = names
    .filter((name) => imageEndings.test(name))
    .sort()
    .slice(0, limit);
  if (files.length === 0) throw new DataError(`${dir}: it holds neither a dataset.json nor images`);
  async function* batches(): AsyncGenerator<ImageBatch> {
    for (let first = 0; first < files.length; first += batchSize) {
      const part = files.slice(first, first + batchSize);
      const read = await readImages(
        part.map((name) => join(dir, name)),
        subject,
      );
      const images = new Float32Array(read.length * read[0]!.pixels.length);
      for (const [i, { pixels }] of read.entries()) images.set(pixels, i * pixels.length);
      yield { size: read.length, images, ids: part };
    }
  }
  return { count: files.length, batches: batches() };
}

async function ofDataset(
  dir: string,
  { imageSize, channels, fit }: TrainedNetwork,
  { splits, batchSize }: UnitImagesOptions,
  limit: number,
): Promise<UnitImages> {
  const dataset = await openDataset(dir);
  const names = splits ?? Object.keys(dataset.info.splits);
  const walked = dataset.batches(names, { batchSize, imageSize, fit, masks: 'none' });
  const all = names.reduce((sum, name) => sum + dataset.info.splits[name]!.examples, 0);
  async function* batches(): AsyncGenerator<ImageBatch> {
    try {
      let left = limit;
      for await (const batch of walked) {
        const size = Math.min(batch.size, left);
        const images = channels === 1 ? grey(batch.images) : batch.images;
        yield { size, images: images.subarray(0, (size * images.length) / batch.size), ids: batch.ids };
        left -= size;
        if (left <= 0) return;
      }
    } finally {
      await dataset.close();
    }
  }
  return { count: Math.min(all, limit), batches: batches() };
}
