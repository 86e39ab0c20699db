import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import sharp from 'sharp';
import * as z from 'zod';
import { DataError, UsageError } from '../../errors/index.ts';
import { type DatasetInfo, readDatasetInfo } from '../dataset-info.ts';
import { DatasetWriter } from '../dataset-writer.ts';
import type { ImageExample } from '../image-example.ts';
import { mapAhead } from '../map-ahead.ts';
import { boats } from './boats.ts';
import type { DrawnSet, Rule, Shown } from './drawn-set.ts';
import { letterbox } from './letterbox.ts';
import { drawMovingShapes, motions, movingShapesVersion } from './moving-shapes.ts';
import { tanks } from './tanks.ts';

const sets = { 'biased-boats': boats, tanks, letterbox } satisfies Record<string, DrawnSet>;

/** The set of clips. */
const clipSet = 'moving-shapes';

/** A data set that this package draws. */
export type DrawnSetName = keyof typeof sets | typeof clipSet;

/** The data sets that this package draws. */
export const drawnSetNames = [...Object.keys(sets), clipSet] as unknown as [DrawnSetName, ...DrawnSetName[]];

const count = z.int().min(0);

const optionsSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  size: z.int().min(16).max(1024).default(64),
  train: count.default(2000),
  trainFullsup: count.default(100),
  val: count.default(300),
  test: count.default(500),
  unbiased: count.default(300),
  // Without a default, so that the options of a set that was drawn before there was this one are still the same.
  shortcut: z.boolean().optional(),
});
const optionsWithCounterexamples = optionsSchema.extend({ counterexamples: count.default(80) });

const movingShapesSchema = z.strictObject({
  seed: z.int().min(0).default(1),
  size: z.int().min(16).max(512).default(32),
  frames: z.int().min(2).max(256).default(8),
  train: count.default(1200),
  trainFullsup: count.default(200),
  val: count.default(200),
  test: count.default(300),
  distractor: z.boolean().default(true),
});

/** Those of the clips of `moving-shapes`. */
export interface MovingShapesSetOptions {
  /** @default 1 */
  seed?: number;
  /** Width and height of the frames. @default 32 */
  size?: number;
  /** Of each clip. @default 8 */
  frames?: number;
  /** @default 1200 */
  train?: number;
  /** Clips like those of `train`, with the masks of the moving shape. @default 200 */
  trainFullsup?: number;
  /** @default 200 */
  val?: number;
  /** @default 300 */
  test?: number;
  /** Whether a second shape is there, which does not move from its place. @default true */
  distractor?: boolean;
}

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
  /** Images of each of the two splits in which object and cue come apart, e.g. `boat-without-water`. @default 300 */
  unbiased?: number;
  /**
   * Whether object and cue go together in `train`, `train-fullsup`, `val` and `test`; false is a control, in which the cue
   * is there as often and says nothing.
   * @default true
   */
  shortcut?: boolean;
}

/** Those of `tanks` and `letterbox`. */
export interface DrawnOptions extends BiasedBoatsOptions {
  /**
   * Images of the split `counterexamples`: a quarter each of object and cue, object alone, cue alone, and neither, each
   * kind a group.
   * @default 80
   */
  counterexamples?: number;
}

export interface Generated {
  info: DatasetInfo;
  /** False when the folder held this very data set before. */
  generated: boolean;
}

/**
 * Draws the data set *biased boats*: {@link generateDrawn} of `biased-boats`.
 *
 * @param onProgress called after each image
 * @throws {UsageError} for an option that does not exist or a value it cannot have
 * @throws {DataError} when the folder cannot be written, or holds another data set
 */
export function generateBiasedBoats(
  dir: string,
  options: BiasedBoatsOptions = {},
  onProgress?: (done: number, total: number) => void,
): Promise<Generated> {
  return generateDrawn('biased-boats', dir, options, onProgress);
}

interface Wanted {
  readonly split: string;
  readonly rule: Rule;
  readonly index: number;
  readonly group?: string | undefined;
}

/**
 * Draws a data set. Clips of shapes that move, `moving-shapes`: the class is the motion, a second shape stands beside it;
 * the moving one has a mask in every frame, but for `train`. Or images with a shortcut: `biased-boats` (boats stand on water), `tanks` (on cloudy days) or `letterbox` (cars
 * between black bars).
 *
 * Six classes. Splits `train`, `train-fullsup`, `val`, `test` are biased alike: the cue is there exactly where the object
 * is. In two more the two come apart. Every object has a box, and but for those of `train` a mask. Does nothing when the
 * folder holds the data set of these options already.
 *
 * @param onProgress called after each image
 * @throws {UsageError} for an option that does not exist or a value it cannot have
 * @throws {DataError} when the folder cannot be written, or holds another data set
 */
export async function generateDrawn(
  name: DrawnSetName,
  dir: string,
  options: DrawnOptions | MovingShapesSetOptions = {},
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Generated> {
  if (name === clipSet) return generateClips(dir, options, onProgress);
  const set: DrawnSet = sets[name];
  const checked = checkedOptions(name, set.groupOf ? optionsWithCounterexamples : optionsSchema, options);
  const wanted = picturesOf(set, checked);
  return writeDrawn(
    dir,
    {
      name,
      classes: [...set.classes],
      multiLabel: set.multiLabel,
      source: { generator: name, version: set.version, options: checked },
    },
    [...new Set(splitsOf(set))],
    wanted.map((one) => ({ split: one.split, load: () => draw(set, checked, one) })),
    onProgress,
  );
}

function generateClips(
  dir: string,
  options: MovingShapesSetOptions,
  onProgress: (done: number, total: number) => void,
): Promise<Generated> {
  const checked = checkedOptions(clipSet, movingShapesSchema, options);
  const { train, trainFullsup, val, test } = checked;
  const splits = { train, 'train-fullsup': trainFullsup, val, test };
  const items = Object.entries(splits).flatMap(([split, clips]) =>
    Array.from({ length: clips }, (_, index) => ({
      split,
      load: () => drawMovingShapes(checked, split !== 'train', split, index),
    })),
  );
  const info = {
    name: clipSet,
    classes: [...motions],
    multiLabel: false,
    clips: true,
    source: { generator: clipSet, version: movingShapesVersion, options: checked },
  };
  return writeDrawn(dir, info, Object.keys(splits), items, onProgress);
}

function checkedOptions<Schema extends z.ZodObject>(
  name: string,
  schema: Schema,
  options: object,
): z.output<Schema> {
  const checked = schema.safeParse(options);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0]!;
  throw new UsageError(`option of ${name}: ${[...issue.path, issue.message].join(': ')}`);
}

/** Writes what a generator draws, unless the folder holds this very data set already. */
async function writeDrawn(
  dir: string,
  info: Omit<DatasetInfo, 'splits' | 'source'> & {
    readonly source: { readonly generator: string; readonly version: number; readonly options: unknown };
  },
  splits: readonly string[],
  items: readonly { readonly split: string; load(): Promise<ImageExample> }[],
  onProgress: (done: number, total: number) => void,
): Promise<Generated> {
  const { name, source } = info;
  const present = await readDatasetInfo(dir).catch(() => undefined);
  if (present && present.source?.generator !== name) {
    throw new DataError(
      `${dir}: holds another data set (${present.name}); ${name} needs a folder of its own, and data.source: tfrecord ` +
        'trains on the one that is there',
    );
  }
  if (present && isDeepStrictEqual(present.source, source) && shardsExist(dir, present)) {
    return { info: present, generated: false };
  }

  const writer = await DatasetWriter.create(dir, info, splits);
  try {
    let done = 0;
    const drawn = mapAhead(items, 16, async ({ split, load }) => ({ split, example: await load() }));
    for await (const { split, example } of drawn) {
      await writer.write(split, example);
      onProgress(++done, items.length);
    }
    return { info: await writer.finish(), generated: true };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

const biasedSplits = ['train', 'train-fullsup', 'val', 'test'] as const;

function splitsOf({ apart, groupOf }: DrawnSet): string[] {
  return [
    ...biasedSplits,
    apart.objectWithoutCue,
    apart.cueWithoutObject,
    ...(groupOf ? ['counterexamples'] : []),
  ];
}

function picturesOf(
  set: DrawnSet,
  options: z.output<typeof optionsSchema> & { readonly counterexamples?: number },
): Wanted[] {
  const { train, trainFullsup, val, test, unbiased, shortcut = true, counterexamples = 0 } = options;
  const biased = { train, 'train-fullsup': trainFullsup, val, test };
  const many = (count: number, split: string, rule: Rule): Wanted[] =>
    Array.from({ length: count }, (_, index) => ({ split, rule, index }));
  const kinds: Shown[] = [true, false].flatMap((object) => [true, false].map((cue) => ({ object, cue })));
  return [
    ...biasedSplits.flatMap((split) => many(biased[split], split, shortcut ? 'biased' : 'independent')),
    ...many(unbiased, set.apart.objectWithoutCue, { object: true, cue: false }),
    ...many(unbiased, set.apart.cueWithoutObject, { object: false, cue: true }),
    ...Array.from({ length: counterexamples }, (_, index): Wanted => {
      const rule = kinds[index % 4]!;
      return { split: 'counterexamples', rule, index, group: set.groupOf?.(rule) };
    }),
  ];
}

async function draw(
  set: DrawnSet,
  { seed, size }: { readonly seed: number; readonly size: number },
  { split, rule, index, group }: Wanted,
): Promise<ImageExample> {
  const scene = set.draw(size, rule, seed, split, index);
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
    filename: `${split}-${index}-${scene.tag}.png`,
    labels: scene.labels,
    ...(group !== undefined && { group }),
    objects: await Promise.all(objects),
  };
}

function shardsExist(dir: string, { splits }: DatasetInfo): boolean {
  return Object.values(splits).every(({ shards }) => shards.every((shard) => existsSync(join(dir, shard))));
}
