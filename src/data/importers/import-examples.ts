import { DataError, UsageError } from '../../errors/index.ts';
import type { DatasetInfo } from '../dataset-info.ts';
import { DatasetWriter } from '../dataset-writer.ts';
import type { ImageExample } from '../image-example.ts';
import { mapAhead } from '../map-ahead.ts';
import { randomFor } from '../random.ts';

/** What an importer found, before any image is read. */
export interface ImportSource {
  /** Name of the format, e.g. `voc`. */
  format: string;
  classes: readonly string[];
  multiLabel: boolean;
  items: readonly ImportItem[];
  /** What was found wrong in looking around, that `skipBad` may skip. */
  problems?: readonly DataError[];
}

/** One image to import. */
export interface ImportItem {
  split: string;
  /** Reads the image and its annotations. @throws {DataError} that names the file */
  load(): Promise<ImageExample>;
}

export interface ImportOptions {
  /** Name of the data set. @default the format */
  name?: string;
  /** New splits with these shares of all images, in a random order, instead of those of the source. */
  fractions?: Readonly<Record<string, number>>;
  /** Seed of the random order of `fractions`. @default 1 */
  splitSeed?: number;
  /** Import at most this many images of each split. */
  limit?: number;
  /** Leave out what is broken instead of stopping at it. @default false */
  skipBad?: boolean;
  /** Called after each image. */
  onProgress?: (done: number, total: number) => void;
}

export interface ImportSummary {
  info: DatasetInfo;
  /** [C], images that hold the class. */
  perClass: number[];
  /** Objects with a box, and how many of them have a mask. */
  boxes: number;
  masks: number;
  /** What was left out, one message each. */
  skipped: string[];
}

/**
 * Writes what an importer found as a data set, one image after the other.
 *
 * @throws {DataError} at the first broken image, unless `skipBad`; the folder is then as it was before
 */
export async function importExamples(
  source: ImportSource,
  dir: string,
  options: ImportOptions = {},
): Promise<ImportSummary> {
  const { skipBad = false, onProgress = () => {} } = options;
  const skipped = (source.problems ?? []).map((problem) => problem.message);
  if (source.problems?.[0] && !skipBad) throw source.problems[0];

  const items = limited(
    options.fractions ? redistributed(source.items, options) : source.items,
    options.limit,
  );
  const splits = options.fractions
    ? Object.keys(options.fractions)
    : [...new Set(items.map((item) => item.split))].sort(trainFirst);
  const { classes, multiLabel, format } = source;
  const summary = { perClass: classes.map(() => 0), boxes: 0, masks: 0, skipped };
  const { fractions, splitSeed, limit } = options;
  const made = {
    importer: format,
    ...(fractions && { fractions, splitSeed: splitSeed ?? 1 }),
    ...(limit && { limit }),
  };
  const info = { name: options.name ?? format, classes: [...classes], multiLabel, source: made };
  const writer = await DatasetWriter.create(dir, info, splits);
  try {
    let done = 0;
    const loaded = mapAhead(items, 8, async (item) => ({
      split: item.split,
      example: await attempt(item, skipBad),
    }));
    for await (const { split, example } of loaded) {
      onProgress(++done, items.length);
      if (example instanceof DataError) {
        skipped.push(example.message);
        continue;
      }
      await writer.write(split, example);
      for (const label of example.labels) summary.perClass[label]!++;
      summary.boxes += example.objects.length;
      summary.masks += example.objects.filter((object) => object.mask).length;
    }
    return { info: await writer.finish(), ...summary };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

async function attempt(item: ImportItem, skipBad: boolean): Promise<ImageExample | DataError> {
  try {
    return await item.load();
  } catch (error) {
    if (skipBad && error instanceof DataError) return error;
    throw error;
  }
}

/** Deals the items out to new splits: a seeded order, cut at the fractions. What the fractions leave over is left out. */
function redistributed(
  items: readonly ImportItem[],
  { fractions = {}, splitSeed = 1 }: ImportOptions,
): ImportItem[] {
  const shares = Object.entries(fractions);
  const sum = shares.reduce((total, [, share]) => total + share, 0);
  if (shares.length === 0 || shares.some(([, share]) => !(share > 0)) || sum > 1 + 1e-9) {
    throw new UsageError(
      `the fractions of the splits must be positive and sum to at most 1, not ${JSON.stringify(fractions)}`,
    );
  }
  const order = randomFor(splitSeed, 'splits').shuffle(Array.from(items.keys()));
  let before = 0;
  return shares.flatMap(([split, share]) => {
    const start = Math.round(before * items.length);
    before += share;
    return order.slice(start, Math.round(before * items.length)).map((i) => ({ ...items[i]!, split }));
  });
}

function trainFirst(a: string, b: string): number {
  return Number(b.startsWith('train')) - Number(a.startsWith('train')) || (a < b ? -1 : 1);
}

function limited(items: readonly ImportItem[], limit: number | undefined): readonly ImportItem[] {
  if (limit === undefined) return items;
  if (!(Number.isInteger(limit) && limit > 0))
    throw new UsageError(`the limit must be a positive integer, not ${limit}`);
  const taken = new Map<string, number>();
  return items.filter(({ split }) => {
    taken.set(split, (taken.get(split) ?? 0) + 1);
    return taken.get(split)! <= limit;
  });
}
