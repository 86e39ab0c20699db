import { join } from 'node:path';
import { DataError, UsageError } from '../errors/index.ts';
import { randomFor } from '../random/index.ts';
import type { Augmentation, Fit } from './augmentation.ts';
import type { HostBatch } from './batch.ts';
import type { SampleSpec } from './batch-maker.ts';
import { BatchMakers } from './batch-makers.ts';
import { batchCount, COMPOSITE, pairedLength, planBatches } from './batch-order.ts';
import type { BatchSources } from './batch-sources.ts';
import {
  type Cell,
  type Composite,
  type CompositeOptions,
  createCompositeStore,
  makeComposite,
  planComposites,
  type ResolvedComposites,
  resolveComposites,
} from './composites/index.ts';
import { type DatasetInfo, readDatasetInfo } from './dataset-info.ts';
import type { Shard } from './example-reader.ts';
import { ImageCache } from './image-cache.ts';
import {
  type ExampleLabels,
  eachLabels,
  type LabelStatistics,
  LabelTally,
  readLabels,
} from './label-statistics.ts';
import { mapAhead } from './map-ahead.ts';
import { type PredictedMasks, shareMasks } from './predicted-masks.ts';
import { RecordFile } from './record-file.ts';

/** How to walk over splits in batches. */
export interface BatchOptions {
  batchSize: number;
  /** [height, width] of the images that come out. */
  imageSize: readonly [number, number];
  /** T, how many frames of a clip come out, evenly chosen. Needed for clips, and only there. @default images */
  frames?: number | undefined;
  /** @default 0 */
  seed?: number;
  /** Together with the seed it determines the order and every augmentation. @default 0 */
  epoch?: number;
  /** A number is the size of the shuffle buffer; true shuffles the whole. @default false */
  shuffle?: boolean | number;
  /** @default null: none */
  augment?: Augmentation | null;
  /** How an image of another shape is brought to `imageSize`. @default 'squash' */
  fit?: Fit;
  /** Begin with this batch, for resuming within an epoch; nothing before it is read. @default 0 */
  skipBatches?: number;
  /** Leave out a last batch that is smaller than the others. @default false */
  dropRemainder?: boolean;
  /** Batches that are made ahead. @default 4 */
  prefetch?: number;
  /** Threads that decode and augment; 0: in this thread. The batches are the same. @default 1 */
  workers?: number;
  /**
   * Which examples may supervise with their masks and boxes: all, none, or `count` of a split, chosen by the seed
   * (a smaller count chooses a part of a larger one). Examples of a split that is not walked over are added.
   * @default 'all'
   */
  masks?:
    | 'all'
    | 'none'
    | {
        split: string;
        count: number | 'all';
        /** Which masks an example is chosen for: of its objects, or of what must not matter. @default 'objects' */
        of?: 'objects' | 'confounders';
      };
  /**
   * Whether the batches bring the masks of what supervises; where nothing reads them, they need not be decoded.
   * Composites are made from masks all the same. @default true
   */
  withMasks?: boolean;
  /** Slots of each batch that go to the examples chosen by `masks`, in turn, instead of to what the order brings. @default 0 */
  maskedPerBatch?: number;
  /** Masks that a segmenter gave the images without masks of their own (or with ones that `masks` does not allow). */
  predicted?: PredictedMasks;
  /** Whether predicted masks may supervise as those chosen by `masks` do. @default false */
  predictedSupervise?: boolean;
  /** Composites at the end of every batch. @default none */
  composites?: CompositeOptions | undefined;
  /**
   * Siamese pairs: every image comes beside another one of its first label, the first of a pair at an even place of the
   * batch. Masked examples and composites take the last places, whatever stands there. Needs an even `batchSize`.
   * @default false
   */
  partners?: boolean;
}

export interface DatasetOptions {
  /** Memory for decoded images, shared by all workers. @default 256 MiB */
  cacheBytes?: number;
  /** Told once when workers cannot be used. @default a process warning */
  onWarning?: (message: string) => void;
}

/**
 * Opens a data set: a folder with `dataset.json` and shards.
 *
 * @throws {DataError} when it is missing or damaged
 */
export async function openDataset(dir: string, options: DatasetOptions = {}): Promise<Dataset> {
  return new Dataset(dir, await readDatasetInfo(dir), options);
}

/** A data set on disk. Made by {@link openDataset}; {@link Dataset.close} ends its workers. */
export class Dataset {
  readonly dir: string;
  readonly info: DatasetInfo;
  readonly #makers: BatchMakers;
  /** Examples of each split, numbered over the whole data set, as [first, end). */
  readonly #ranges = new Map<string, readonly [number, number]>();
  readonly #shards = new Map<string, Promise<Shard[]>>();
  readonly #labels = new Map<string, Promise<ExampleLabels[]>>();
  readonly #tallies = new Map<string, Promise<LabelTally>>();
  readonly #sources = new Map<string, Promise<BatchSources>>();

  constructor(dir: string, info: DatasetInfo, options: DatasetOptions = {}) {
    this.dir = dir;
    this.info = info;
    let first = 0;
    for (const [split, { examples }] of Object.entries(info.splits)) {
      this.#ranges.set(split, [first, first + examples]);
      first += examples;
    }
    const cache = ImageCache.create(first, options.cacheBytes ?? 256 * 2 ** 20);
    const warn = options.onWarning ?? ((message: string) => process.emitWarning(message));
    this.#makers = new BatchMakers(info, cache, warn);
  }

  /** Class names; a label is an index into them. */
  get classes(): string[] {
    return this.info.classes;
  }

  /**
   * Walks over one or several splits, once.
   *
   * The batches are a function of (seed, epoch) and the options that shape them, not of `workers`, `prefetch`,
   * `skipBatches` or what was read before.
   *
   * @throws {UsageError} at once, for an unknown split, a wrong option, or clips where images are wanted
   * @throws {DataError} while walking, that names file and record
   */
  batches(splits: string | readonly string[], options: BatchOptions): AsyncIterable<HostBatch> {
    const names = this.#checkSplits(splits);
    checkOptions(options);
    this.#checkKind(options);
    if (typeof options.masks === 'object') this.#checkSplits(options.masks.split);
    return this.#walk(names, options);
  }

  /**
   * Composites of some splits, one after the other, each of a cell of ground × object that the caller names.
   *
   * @param cells of the composites that are wanted; the n-th is a function of the seed and n
   * @throws {UsageError} when a suspect class has no mask to cut along, or no ground without it
   * @throws {DataError} while walking, that names file and record
   */
  async *composites(
    splits: string | readonly string[],
    options: Omit<BatchOptions, 'composites' | 'batchSize'> & { readonly composites: CompositeOptions },
    cells: Iterable<Cell>,
  ): AsyncGenerator<Composite> {
    const names = this.#checkSplits(splits);
    this.#checkKind(options);
    const { seed = 0, imageSize, fit = 'squash' } = options;
    const resolved = resolveComposites(options.composites, this.classes.length, options.composites.perBatch);
    const whole: BatchOptions = { ...options, batchSize: resolved.perBatch };
    const chosen = (await this.#chooseMasked(names, whole)) ?? [];
    const ranges = await this.#rangesOf(names, whole);
    for (const split of new Set([...names, ...this.#splitOfMasks(whole)])) await this.#shardsOf(split);
    const sources = await this.#sourcesOf(names, whole, ranges, chosen, resolved);
    const place = this.#makers.placer(
      {
        height: imageSize[0],
        width: imageSize[1],
        classes: this.classes.length,
        fit,
        augment: null,
        seed,
        epoch: 0,
        masks: true,
      },
      sources,
    );
    let n = 0;
    for (const cell of cells) {
      yield await makeComposite(
        sources.composites!,
        place,
        randomFor(seed, 'composite of a cell', n++),
        cell,
      );
    }
  }

  #splitOfMasks({ masks }: BatchOptions): string[] {
    return typeof masks === 'object' ? [masks.split] : [];
  }

  /** Number of batches that {@link Dataset.batches} yields in a whole epoch. */
  async countBatches(splits: string | readonly string[], options: BatchOptions): Promise<number> {
    const ranges = await this.#rangesOf(this.#checkSplits(splits), options);
    const groupOf = await this.#partnersOf(ranges, options);
    const examples = groupOf
      ? pairedLength(ranges.flatMap(([first, end]) => range(first, end).map(groupOf)))
      : ranges.reduce((sum, [first, end]) => sum + end - first, 0);
    return batchCount(examples, options.batchSize, options.dropRemainder ?? false);
  }

  /** Labels of all examples, in their order on disk. Reads the records without decoding images; remembered. */
  async labels(splits: string | readonly string[]): Promise<ExampleLabels[]> {
    const lists = this.#checkSplits(splits).map((split) => {
      let labels = this.#labels.get(split);
      if (!labels) {
        labels = this.#shardsOf(split).then((shards) => readLabels(shards, this.info));
        this.#labels.set(split, labels);
      }
      return labels;
    });
    return (await Promise.all(lists)).flat();
  }

  /** Counts of the classes and of labels per image. Reads the records without decoding images; the counts are remembered. */
  async labelStatistics(splits: string | readonly string[]): Promise<LabelStatistics> {
    const tallies = await Promise.all(this.#checkSplits(splits).map((split) => this.#tallyOf(split)));
    return LabelTally.sum(tallies, this.classes.length);
  }

  #tallyOf(split: string): Promise<LabelTally> {
    let tally = this.#tallies.get(split);
    if (!tally) {
      tally = this.#tally(split);
      this.#tallies.set(split, tally);
    }
    return tally;
  }

  async #tally(split: string): Promise<LabelTally> {
    const tally = new LabelTally(this.classes.length);
    const known = await this.#labels.get(split);
    for await (const labels of known ?? eachLabels(await this.#shardsOf(split), this.info)) tally.add(labels);
    return tally;
  }

  /**
   * Starts workers before the first batch is asked for, beside what else is to be made ready; {@link Dataset.batches}
   * starts those that are missing.
   */
  async startWorkers(workers: number): Promise<void> {
    await this.#makers.start(workers);
  }

  /** Ends the workers and closes the files. */
  async close(): Promise<void> {
    await this.#makers.close();
  }

  async *#walk(splits: string[], options: BatchOptions): AsyncGenerator<HostBatch> {
    const { seed = 0, epoch = 0, shuffle = false, prefetch = 4, workers = 1, masks = 'all' } = options;
    const chosen = await this.#chooseMasked(splits, options);
    const ranges = await this.#rangesOf(splits, options);
    const walked = typeof masks === 'object' ? new Set([...splits, masks.split]) : new Set(splits);
    for (const split of walked) await this.#shardsOf(split);
    const composites =
      options.composites && resolveComposites(options.composites, this.classes.length, options.batchSize);
    const sources =
      composites || options.predicted
        ? await this.#sourcesOf(splits, options, ranges, chosen ?? [], composites)
        : undefined;
    await this.#makers.start(workers);

    const spec: SampleSpec = {
      height: options.imageSize[0],
      width: options.imageSize[1],
      frames: options.frames,
      classes: this.classes.length,
      fit: options.fit ?? 'squash',
      augment: options.augment ?? null,
      seed,
      epoch,
      masks: options.withMasks ?? true,
    };
    const order = {
      batchSize: options.batchSize,
      seed,
      epoch,
      shuffleBuffer: shuffle === true ? Number.POSITIVE_INFINITY : Number(shuffle),
      dropRemainder: options.dropRemainder ?? false,
      masked: chosen ?? [],
      maskedPerBatch: options.maskedPerBatch ?? 0,
      compositesPerBatch: composites?.perBatch ?? 0,
      partners: await this.#partnersOf(ranges, options),
    };
    const supervising = typeof masks === 'object' ? new Set(chosen) : undefined;
    const plans = planBatches(ranges, order, options.skipBatches);
    yield* mapAhead(plans, prefetch, ({ firstPosition, examples }) => {
      const supervised = examples.map((example) =>
        example === COMPOSITE
          ? composites!.supervise
          : (supervising?.has(example) ?? masks === 'all') || options.predictedSupervise === true,
      );
      return this.#makers.make({ spec, examples, supervised, firstPosition, sources: sources?.id }, workers);
    });
  }

  /** The first label of each example that is walked over, -1 without; undefined where no partners are asked for. */
  async #partnersOf(
    ranges: readonly (readonly [number, number])[],
    { partners = false }: BatchOptions,
  ): Promise<((example: number) => number) | undefined> {
    if (!partners) return undefined;
    const known = new Map<number, number>();
    for (const [split, [first, end]] of this.#ranges) {
      if (!ranges.some(([from, to]) => from < end && to > first)) continue;
      for (const [i, { labels }] of (await this.labels(split)).entries())
        known.set(first + i, labels[0] ?? -1);
    }
    return (example) => known.get(example)!;
  }

  /** What composites and predicted masks come from, put together once for the options that shape it. */
  #sourcesOf(
    splits: string[],
    options: BatchOptions,
    ranges: readonly (readonly [number, number])[],
    chosen: readonly number[],
    composites: ResolvedComposites | undefined,
  ): Promise<BatchSources> {
    const { masks = 'all', seed = 0, fit = 'squash', imageSize, predicted } = options;
    const key = JSON.stringify([splits, masks, seed, fit, imageSize, composites, this.#numberOf(predicted)]);
    let sources = this.#sources.get(key);
    if (!sources) {
      sources = this.#makeSources(String(this.#sources.size), options, ranges, chosen, composites);
      this.#sources.set(key, sources);
    }
    return sources;
  }

  async #makeSources(
    id: string,
    options: BatchOptions,
    ranges: readonly (readonly [number, number])[],
    chosen: readonly number[],
    composites: ResolvedComposites | undefined,
  ): Promise<BatchSources> {
    const { masks = 'all', predicted, imageSize } = options;
    const examples = [...new Set(ranges.flatMap(([first, end]) => range(first, end)))];
    const known: (ExampleLabels | undefined)[] = [];
    for (const [split, [first]] of this.#ranges) {
      if (!examples.some((example) => example >= first && example < this.#ranges.get(split)![1])) continue;
      (await this.labels(split)).forEach((one, i) => {
        known[first + i] = one;
      });
    }
    const total = Math.max(0, ...[...this.#ranges.values()].map(([, end]) => end));
    const mayUse = new Set(masks === 'all' ? examples : chosen);
    const masked = new Set([...mayUse].filter((example) => (known[example]?.masks ?? 0) > 0));
    const shared =
      predicted &&
      shareMasks(
        predicted,
        Array.from({ length: total }, (_, i) => known[i]?.id),
      );
    if (!composites) return this.#told({ id, masked, predicted: shared, composites: undefined });
    const plan = planComposites(
      examples.map((example) => {
        const { labels, id: name, maskedClasses } = known[example]!;
        const segmented = predicted?.masks.get(name)?.confidence;
        const has = (c: number) =>
          masked.has(example) ? maskedClasses.includes(c) : (segmented?.has(c) ?? false);
        return { example, labels, masked: labels.filter(has) };
      }),
      {
        id,
        options: composites,
        classes: this.classes.length,
        multiLabel: this.info.multiLabel,
        masked,
        predicted: shared,
        store:
          composites.cache > 0
            ? createCompositeStore(composites.cache, imageSize[1], imageSize[0], this.classes.length)
            : undefined,
      },
      this.classes,
    );
    return this.#told({ id, masked, predicted: shared, composites: plan });
  }

  #told(sources: BatchSources): BatchSources {
    this.#makers.addSources(sources);
    return sources;
  }

  /** Predicted masks are told apart by the object that holds them. */
  readonly #predicted: PredictedMasks[] = [];
  #numberOf(predicted: PredictedMasks | undefined): number {
    if (!predicted) return -1;
    const found = this.#predicted.indexOf(predicted);
    return found >= 0 ? found : this.#predicted.push(predicted) - 1;
  }

  /** The examples that `masks` chooses, in the order of choice; undefined where the order does not need them. */
  async #chooseMasked(splits: string[], options: BatchOptions): Promise<number[] | undefined> {
    const { masks = 'all', maskedPerBatch = 0, seed = 0 } = options;
    if (masks === 'none' || (masks === 'all' && maskedPerBatch === 0)) return undefined;
    if (masks === 'all')
      return (await Promise.all(splits.map((split) => this.#maskedExamples(split)))).flat();

    const masked = randomFor(seed, 'choose masked').shuffle(
      await this.#maskedExamples(masks.split, masks.of),
    );
    const count = masks.count === 'all' ? masked.length : masks.count;
    if (count > masked.length) {
      throw new UsageError(
        `${this.dir}: ${count} masked examples are asked for, the split ${masks.split} has ${masked.length}`,
      );
    }
    return masked.slice(0, count);
  }

  /** Examples of a split that have a mask; where none has, those that have a box. Confounders have no boxes. */
  async #maskedExamples(split: string, of: 'objects' | 'confounders' = 'objects'): Promise<number[]> {
    const [first] = this.#ranges.get(split)!;
    const { having } = await this.#tallyOf(split);
    const counted =
      of === 'confounders' ? having.confounders : having.masks.length > 0 ? having.masks : having.boxes;
    return counted.map((position) => first + position);
  }

  /** What an epoch walks over: the splits, and the chosen masked examples where their split is not among them. */
  async #rangesOf(splits: string[], options: BatchOptions): Promise<(readonly [number, number])[]> {
    const ranges = splits.map((split) => this.#ranges.get(split)!);
    if (typeof options.masks !== 'object' || splits.includes(options.masks.split)) return ranges;
    const added = (await this.#chooseMasked(splits, options)) ?? [];
    return [...ranges, ...added.map((example) => [example, example + 1] as const)];
  }

  /** The shards of a split, their records found and counted, known to the makers. */
  #shardsOf(split: string): Promise<Shard[]> {
    let shards = this.#shards.get(split);
    if (!shards) {
      shards = this.#openShards(split);
      this.#shards.set(split, shards);
    }
    return shards;
  }

  async #openShards(split: string): Promise<Shard[]> {
    const [start, end] = this.#ranges.get(split)!;
    const shards: Shard[] = [];
    let firstExample = start;
    for (const name of this.info.splits[split]!.shards) {
      const path = join(this.dir, name);
      const file = await RecordFile.open(path);
      file.close();
      shards.push({ path, firstExample, boundaries: file.boundaries });
      firstExample += file.count;
    }
    if (firstExample !== end) {
      throw new DataError(
        `${join(this.dir, 'dataset.json')}: split ${split} should have ${end - start} examples, its shards have ${firstExample - start}`,
      );
    }
    this.#makers.addShards(shards);
    return shards;
  }

  /** Clips go where clips are wanted. */
  #checkKind({ frames, composites, predicted }: Omit<BatchOptions, 'batchSize'>): void {
    const clips = this.info.clips ?? false;
    if (clips && frames === undefined) {
      throw new UsageError(
        `${this.dir} holds clips, and images are wanted here; train (data.frames), evaluate and explain take clips`,
      );
    }
    if (!clips && frames !== undefined) {
      throw new UsageError(`frames: ${frames}, but ${this.dir} holds images, not clips`);
    }
    if (clips && (composites || predicted)) {
      throw new UsageError(
        `${this.dir} holds clips; composites and predicted masks are made of images alone`,
      );
    }
  }

  #checkSplits(splits: string | readonly string[]): string[] {
    const names = [splits].flat() as string[];
    for (const split of names) {
      if (this.#ranges.has(split)) continue;
      throw new UsageError(
        `${this.dir} has no split ${split}; it has ${[...this.#ranges.keys()].join(', ')}`,
      );
    }
    return names;
  }
}

function range(first: number, end: number): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}

function checkOptions(options: BatchOptions): void {
  const atLeast = (name: string, value: number | undefined, least: number) => {
    if (value !== undefined && !(Number.isInteger(value) && value >= least)) {
      throw new UsageError(`${name} must be an integer of at least ${least}, not ${value}`);
    }
  };
  atLeast('batchSize', options.batchSize, 1);
  atLeast('imageSize (height)', options.imageSize[0], 1);
  atLeast('imageSize (width)', options.imageSize[1], 1);
  atLeast('frames', options.frames, 1);
  for (const name of ['seed', 'epoch', 'skipBatches', 'prefetch', 'workers', 'maskedPerBatch'] as const) {
    atLeast(name, options[name], 0);
  }
  if (typeof options.shuffle === 'number') atLeast('shuffle', options.shuffle, 0);
  if (options.partners && options.batchSize % 2 !== 0) {
    throw new UsageError(`batchSize must be even for partners, not ${options.batchSize}`);
  }
  if (typeof options.masks === 'object' && options.masks.count !== 'all')
    atLeast('masks.count', options.masks.count, 0);
}
