import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import sharp from 'sharp';
import * as z from 'zod';
import { UsageError } from '../../errors/index.ts';
import { type DatasetInfo, readDatasetInfo } from '../dataset-info.ts';
import { DatasetWriter } from '../dataset-writer.ts';
import type { ImageExample } from '../image-example.ts';
import { mapAhead } from '../map-ahead.ts';
import { CLASSES } from './objects.ts';
import { drawScene, type SceneRule } from './scene.ts';

/** Raised whenever the same options draw other pictures. */
const VERSION = 2;

const count = z.int().min(0);

const optionsSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  size: z.int().min(16).max(1024).default(64),
  train: count.default(2000),
  trainFullsup: count.default(100),
  val: count.default(300),
  test: count.default(500),
  unbiased: count.default(300),
});

/** Size of the images in pixels and numbers of them, all with defaults. */
export interface BiasedBoatsOptions {
  /** @default 1 */
  seed?: number;
  /** Width and height of the images. @default 64 */
  size?: number;
  /** @default 2000 */
  train?: number;
  /** Images like those of `train`, with masks. @default 100 */
  trainFullsup?: number;
  /** @default 300 */
  val?: number;
  /** @default 500 */
  test?: number;
  /** Images of `boat-without-water`, and as many of `water-without-boat`. @default 300 */
  unbiased?: number;
}

export interface Generated {
  info: DatasetInfo;
  /** False when the folder held this very data set before. */
  generated: boolean;
}

/**
 * Draws the data set *biased boats*, after the experiment in section 4.2 of the GAIN paper: wherever there is a boat
 * in training, there is water, so a classifier that looks at the water is right, until the two come apart.
 *
 * Six classes, one or two objects in an image. Splits `train`, `train-fullsup`, `val`, `test` are biased alike;
 * `boat-without-water` and `water-without-boat` are not. Every object has a box, and but for those of `train` a mask.
 * Does nothing when the folder holds the data set of these options already.
 *
 * @param onProgress called after each image
 * @throws {UsageError} for an option that does not exist or a value it cannot have, or a folder with another data set
 * @throws {DataError} when the folder cannot be written
 */
export async function generateBiasedBoats(
  dir: string,
  options: BiasedBoatsOptions = {},
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Generated> {
  const checked = optionsSchema.safeParse(options);
  if (!checked.success) {
    const issue = checked.error.issues[0]!;
    throw new UsageError(`option of biased-boats: ${[...issue.path, issue.message].join(': ')}`);
  }
  const source = { generator: 'biased-boats', version: VERSION, options: checked.data };
  const present = await readDatasetInfo(dir).catch(() => undefined);
  if (present && isDeepStrictEqual(present.source, source) && shardsExist(dir, present)) {
    return { info: present, generated: false };
  }
  if (present && (present.source as { generator?: unknown } | undefined)?.generator !== source.generator) {
    throw new UsageError(
      `${dir}: it holds the data set "${present.name}", which drawing biased boats would delete; data.source: tfrecord ` +
        'trains on it, another folder takes the pictures',
    );
  }

  const { seed, size, train, trainFullsup, val, test, unbiased } = checked.data;
  const splits: [split: string, rule: SceneRule, count: number][] = [
    ['train', 'biased', train],
    ['train-fullsup', 'biased', trainFullsup],
    ['val', 'biased', val],
    ['test', 'biased', test],
    ['boat-without-water', 'boat-without-water', unbiased],
    ['water-without-boat', 'water-without-boat', unbiased],
  ];
  const scenes = splits.flatMap(([split, rule, count]) =>
    Array.from({ length: count }, (_, index) => ({ split, rule, index })),
  );
  const info = { name: 'biased-boats', classes: [...CLASSES], multiLabel: true, source };
  const writer = await DatasetWriter.create(
    dir,
    info,
    splits.map(([split]) => split),
  );
  try {
    let done = 0;
    const drawn = mapAhead(scenes, 16, async ({ split, rule, index }) => {
      return { split, example: await draw(seed, size, split, rule, index) };
    });
    for await (const { split, example } of drawn) {
      await writer.write(split, example);
      onProgress(++done, scenes.length);
    }
    return { info: await writer.finish(), generated: true };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function draw(
  seed: number,
  size: number,
  split: string,
  rule: SceneRule,
  index: number,
): Promise<ImageExample> {
  const scene = drawScene(size, rule, seed, split, index);
  const png = (pixels: Uint8Array, channels: 1 | 3) =>
    sharp(pixels, { raw: { width: size, height: size, channels } })
      .png({ compressionLevel: 4 })
      .toBuffer();
  const objects = scene.objects.map(async ({ mask, area: _, ...box }) => {
    return split === 'train' ? box : { ...box, mask: await png(mask, 1) };
  });
  return {
    encoded: await png(scene.pixels, 3),
    format: 'png',
    height: size,
    width: size,
    filename: `${split}-${index}-${scene.ground}.png`,
    labels: scene.labels,
    objects: await Promise.all(objects),
  };
}

function shardsExist(dir: string, { splits }: DatasetInfo): boolean {
  return Object.values(splits).every(({ shards }) => shards.every((shard) => existsSync(join(dir, shard))));
}
