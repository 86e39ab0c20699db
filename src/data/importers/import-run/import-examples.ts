import { DataError, UsageError } from '../../../errors/index.ts';
import type { DatasetInfo } from '../../dataset-info.ts';
import { DatasetWriter } from '../../dataset-writer.ts';
import type { ImageExample } from '../../image-example.ts';
import { mapAhead } from '../../map-ahead.ts';
import { dealOut } from './deal-out.ts';
import { fewPerClass } from './few-per-class.ts';
import { type ImportNote, ImportNotes, type TellNote } from './import-notes.ts';

/** What an importer found, before any image is read. */
export interface ImportSource {
  /** Name of the format, e.g. `voc`. */
  format: string;
  classes: readonly string[];
  multiLabel: boolean;
  /** What the importer was asked that shapes the images, for `dataset.json`. */
  options?: Readonly<Record<string, unknown>>;
  items: readonly ImportItem[];
  /** What was found wrong in looking around, that `skipBad` may skip. */
  problems?: readonly DataError[];
  /** What was put right or left out in looking around. */
  notes?: readonly ImportNote[];
}

/** One image to import. */
export interface ImportItem {
  split: string;
  /** Classes in the image, each once, as far as they are known before it is read. */
  labels: readonly number[];
  /**
   * Reads the image and its annotations.
   *
   * @param tell takes what was put right or left out
   * @param split that the image goes to: not that of the item where `fractions` dealt it out
   * @returns undefined for an image that is left out, of which `tell` was told why
   * @throws {DataError} that names the file
   */
  load(tell: TellNote, split: string): Promise<ImageExample | undefined>;
}

export interface ImportOptions {
  /** Name of the data set. @default the format */
  name?: string;
  /** New splits with these shares of the images, dealt out by a seed and stratified by class. */
  fractions?: Readonly<Record<string, number>>;
  /** Deal out only this split of the source; the others stay as they are. @default all images */
  fractionsOf?: string;
  /** Seed of the random order of `fractions`, and of the draw of `perClass`. @default 1 */
  splitSeed?: number;
  /** Keep this many images of each class in the splits called `train…`, after dealing out. @default all */
  perClass?: number;
  /** Keep only images with exactly one class; the data set then has one label per image. @default false */
  singleLabel?: boolean;
  /** Import at most this many images of each split. */
  limit?: number;
  /** Number of shards of each split. @default as many as their size asks for */
  shards?: number;
  /** Begin a new shard at this size, where `shards` is not given. @default 64 MiB */
  shardBytes?: number;
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
  /** What was put right or left out without stopping. */
  notes: ImportNote[];
  /** What was left out because it is broken, one message each. */
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
  const { skipBad = false, singleLabel = false, onProgress = () => {} } = options;
  const skipped = (source.problems ?? []).map((problem) => problem.message);
  if (skipped.length > 0 && !skipBad) throw firstOf(skipped);

  const notes = new ImportNotes(source.notes);
  const { items, splits } = chosenItems(source, options, notes.tell);
  const summary = { perClass: source.classes.map(() => 0), boxes: 0, masks: 0, skipped };
  const writer = await DatasetWriter.create(dir, describe(source, options), splits, options);
  try {
    let done = 0;
    const loaded = mapAhead(items, 8, (item) => attempt(item, skipBad));
    for await (const { split, example, told } of loaded) {
      onProgress(++done, items.length);
      notes.add(told);
      if (example instanceof DataError) {
        skipped.push(example.message);
        continue;
      }
      if (!example) continue;
      if (singleLabel && example.labels.length !== 1) {
        notes.tell(NOT_SINGLE, example.filename);
        continue;
      }
      await writer.write(split, example);
      for (const label of example.labels) summary.perClass[label]!++;
      summary.boxes += example.objects.length;
      summary.masks += example.objects.filter((object) => object.mask).length;
    }
    return { info: await writer.finish(), ...summary, notes: notes.list };
  } catch (error) {
    await writer.abort();
    throw error;
  }
}

const NOT_SINGLE = 'images left out, they hold not exactly one class';

function firstOf([first, ...others]: string[]): DataError {
  const more = others.length > 0 ? ` (and ${others.length} more problems of this kind or another)` : '';
  return new DataError(`${first}${more}`);
}

async function attempt(item: ImportItem, skipBad: boolean) {
  const told = new ImportNotes();
  const { split } = item;
  try {
    return { split, example: await item.load(told.tell, split), told: told.list };
  } catch (error) {
    if (skipBad && error instanceof DataError) return { split, told: [], example: error };
    throw error;
  }
}

function chosenItems(source: ImportSource, options: ImportOptions, tell: TellNote) {
  const { fractions, fractionsOf, splitSeed = 1, perClass, singleLabel, limit } = options;
  let items = source.items;
  if (singleLabel) {
    const single = items.filter(({ labels }) => labels.length === 1);
    const others = items.length - single.length;
    for (let i = 0; i < others; i++) tell(NOT_SINGLE);
    items = single;
  }
  if (fractions) {
    const untouched = fractionsOf ? items.filter(({ split }) => split !== fractionsOf) : [];
    if (fractionsOf && untouched.length === items.length) {
      const known = [...new Set(items.map(({ split }) => split))].join(', ');
      throw new UsageError(`there is no split ${fractionsOf} to deal out; the source has ${known}`);
    }
    const dealt = fractionsOf ? items.filter(({ split }) => split === fractionsOf) : items;
    items = [...dealOut(dealt, fractions, splitSeed), ...untouched];
  }
  if (perClass !== undefined) items = fewPerClass(items, perClass, splitSeed, source.classes, tell);
  const named = Object.keys(fractions ?? {});
  const found = [...new Set(items.map(({ split }) => split))].sort(trainFirst);
  return { items: limited(items, limit), splits: [...new Set([...named, ...found])] };
}

/** What `dataset.json` says of the import. */
function describe(source: ImportSource, options: ImportOptions) {
  const { format, classes, multiLabel } = source;
  const { name = format, fractions, fractionsOf, splitSeed = 1, perClass, singleLabel, limit } = options;
  return {
    name,
    classes: [...classes],
    multiLabel: multiLabel && !singleLabel,
    source: {
      importer: format,
      ...source.options,
      ...(fractions && { fractions, ...(fractionsOf && { fractionsOf }) }),
      ...(perClass && { perClass }),
      ...((fractions || perClass) && { splitSeed }),
      ...(singleLabel && { singleLabel }),
      ...(limit && { limit }),
    },
  };
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
