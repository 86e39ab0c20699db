import { DataError, UsageError } from '../../../errors/index.ts';
import type { DatasetInfo } from '../../dataset-info.ts';
import { DatasetWriter } from '../../dataset-writer.ts';
import type { ImageExample } from '../../image-example.ts';
import { mapAhead } from '../../map-ahead.ts';
import { alikeClasses, Census, checkClasses } from './census.ts';
import { dealOut } from './deal-out.ts';
import { DryRun } from './dry-run.ts';
import { fewPerClass, limitEach } from './few-per-class.ts';
import { type ImportNote, ImportNotes, type TellNote } from './import-notes.ts';

/** What an importer found, before any image is read. */
export interface ImportSource {
  /** Name of the format, e.g. `voc`. */
  format: string;
  classes: readonly string[];
  multiLabel: boolean;
  /** Whether its items are clips. @default false */
  clips?: boolean;
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
  /** What it is called in notes. */
  name?: string;
  /** Classes in the image, each once, as far as they are known before it is read. */
  labels: readonly number[];
  /** Group of the image, for measures per group, where the example does not name one itself. */
  group?: string;
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
  /** Read everything and write nothing. @default false */
  dryRun?: boolean;
  /** Called after each image. */
  onProgress?: (done: number, total: number) => void;
}

export interface ImportSummary {
  /** What `dataset.json` says; of a dry run without shards. */
  info: DatasetInfo;
  /** [C], images that hold the class. */
  perClass: number[];
  /** Images of each group. */
  perGroup: Record<string, number>;
  /** Objects with a box, and how many of them have a mask. */
  boxes: number;
  masks: number;
  /** Images with a mask of what must not matter. */
  confounders: number;
  /** What was put right or left out without stopping. */
  notes: ImportNote[];
  /** What was left out because it is broken, one message each. */
  skipped: string[];
}

/**
 * Writes what an importer found as a data set, one image after the other. What is left out is told in the summary.
 *
 * @throws {DataError} at the first broken image, unless `skipBad`, and when what is left cannot train: no image, or
 *   images of one class where the source has several; the folder is then as it was before
 */
export async function importExamples(
  source: ImportSource,
  dir: string,
  options: ImportOptions = {},
): Promise<ImportSummary> {
  const { skipBad = false, singleLabel = false, dryRun = false, onProgress = () => {} } = options;
  checkClasses(source);
  const skipped = (source.problems ?? []).map((problem) => problem.message);
  if (skipped.length > 0 && !skipBad) throw firstOf(skipped);

  const notes = new ImportNotes(source.notes);
  for (const names of alikeClasses(source.classes)) {
    notes.tell('classes whose names differ in nothing but case and blanks', names.join(', '));
  }
  const { items, splits } = chosenItems(source, options, notes.tell);
  const census = new Census(source, splits);
  const described = describe(source, options);
  const writer = dryRun
    ? new DryRun(described, splits)
    : await DatasetWriter.create(dir, described, splits, options);
  try {
    let done = 0;
    const loaded = mapAhead(items, 8, (item) => attempt(item, source, skipBad));
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
      census.count(split, example);
    }
    census.check(notes, skipped);
    return { info: await writer.finish(), ...census.summary, skipped, notes: notes.list };
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

async function attempt(item: ImportItem, { classes, multiLabel }: ImportSource, skipBad: boolean) {
  const told = new ImportNotes();
  const { split } = item;
  try {
    const example = await item.load(told.tell, split);
    if (example) {
      if (item.group && !example.group) example.group = item.group;
      checkExample(example, classes, multiLabel);
    }
    return { split, example, told: told.list };
  } catch (error) {
    if (skipBad && error instanceof DataError) return { split, told: [], example: error };
    throw error;
  }
}

/** What cannot be read again is not written. */
function checkExample(
  { filename, labels, unknown = [] }: ImageExample,
  classes: readonly string[],
  multiLabel: boolean,
) {
  if (multiLabel || labels.length === 1 || (labels.length === 0 && unknown.length === classes.length)) return;
  throw new DataError(`${filename}: has ${labels.length} classes, in a data set with one class per image`);
}

function chosenItems(source: ImportSource, options: ImportOptions, tell: TellNote) {
  const { fractions, fractionsOf, splitSeed = 1, perClass, singleLabel, limit } = options;
  let items = source.items;
  if (singleLabel) {
    for (const { labels, name } of items) if (labels.length !== 1) tell(NOT_SINGLE, name);
    items = items.filter(({ labels }) => labels.length === 1);
  }
  if (fractions) {
    const untouched = fractionsOf ? items.filter(({ split }) => split !== fractionsOf) : [];
    if (fractionsOf && untouched.length === items.length) {
      const known = [...new Set(items.map(({ split }) => split))].join(', ');
      throw new UsageError(`there is no split ${fractionsOf} to deal out; the source has ${known}`);
    }
    const dealt = fractionsOf ? items.filter(({ split }) => split === fractionsOf) : items;
    const chosen = dealOut(dealt, fractions, splitSeed);
    leftOut(dealt.length - chosen.length, 'images left out, the fractions sum to less than 1', tell);
    items = [...chosen, ...untouched];
  }
  if (perClass !== undefined) {
    const few = fewPerClass(items, perClass, splitSeed, source.classes, tell);
    leftOut(items.length - few.length, 'images left out by the number per class', tell);
    items = few;
  }
  const named = Object.keys(fractions ?? {});
  const found = [...new Set(items.map(({ split }) => split))].sort(trainFirst);
  const limited = limit === undefined ? items : limitEach(items, limit);
  leftOut(items.length - limited.length, 'images left out by the limit', tell);
  return { items: limited, splits: [...new Set([...named, ...found])] };
}

function leftOut(count: number, what: string, tell: TellNote): void {
  for (let i = 0; i < count; i++) tell(what);
}

/** What `dataset.json` says of the import. */
function describe(source: ImportSource, options: ImportOptions) {
  const { format, classes, multiLabel } = source;
  const { name = format, fractions, fractionsOf, splitSeed = 1, perClass, singleLabel, limit } = options;
  return {
    name,
    classes: [...classes],
    multiLabel: multiLabel && !singleLabel,
    ...(source.clips && { clips: true }),
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
