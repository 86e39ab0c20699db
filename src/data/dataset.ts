import { UsageError } from '../errors/index.ts';
import { randomFor } from '../random/index.ts';
import type { HostBatch } from './batch.ts';
import type { SampleSpec } from './batch-maker.ts';
import { BatchMakers } from './batch-makers.ts';
import { type BatchOptions, checkBatchOptions } from './batch-options.ts';
import { batchCount, COMPOSITE, pairedLength, planBatches } from './batch-order.ts';
import {
  type Cell,
  type Composite,
  type CompositeOptions,
  makeComposite,
  resolveComposites,
} from './composites/index.ts';
import { type DatasetInfo, readDatasetInfo } from './dataset-info.ts';
import { DatasetSplits, type ExampleRange } from './dataset-splits.ts';
import { ImageCache } from './image-cache.ts';
import { examplesOf, KnownSources } from './known-sources.ts';
import type { ExampleLabels, LabelStatistics } from './label-statistics.ts';
import { mapAhead } from './map-ahead.ts';
import { chooseMasked, rangesToWalk } from './masked-examples.ts';

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
  readonly #splits: DatasetSplits;
  readonly #sources: KnownSources;

  constructor(dir: string, info: DatasetInfo, options: DatasetOptions = {}) {
    this.dir = dir;
    this.info = info;
    this.#splits = new DatasetSplits(dir, info, (shards) => this.#makers.addShards(shards));
    this.#sources = new KnownSources(info, this.#splits, (sources) => this.#makers.addSources(sources));
    const cache = ImageCache.create(this.#splits.examples, options.cacheBytes ?? 256 * 2 ** 20);
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
    const names = this.#splits.check(splits);
    checkBatchOptions(options);
    this.#checkKind(options);
    if (typeof options.masks === 'object') this.#splits.check(options.masks.split);
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
    const names = this.#splits.check(splits);
    this.#checkKind(options);
    const { seed = 0, imageSize, fit = 'squash' } = options;
    const resolved = resolveComposites(options.composites, this.classes.length, options.composites.perBatch);
    const { chosen = [], ranges } = await this.#open(names, options);
    const request = { splits: names, options, ranges, chosen, composites: resolved };
    const sources = await this.#sources.get(request);
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

  /** Number of batches that {@link Dataset.batches} yields in a whole epoch. */
  async countBatches(splits: string | readonly string[], options: BatchOptions): Promise<number> {
    const ranges = await rangesToWalk(this.dir, this.#splits, this.#splits.check(splits), options);
    const groupOf = await this.#partnersOf(ranges, options);
    const examples = groupOf
      ? pairedLength(ranges.flatMap(examplesOf).map(groupOf))
      : ranges.reduce((sum, [first, end]) => sum + end - first, 0);
    return batchCount(examples, options.batchSize, options.dropRemainder ?? false);
  }

  /** Labels of all examples, in their order on disk. Reads the records without decoding images; remembered. */
  async labels(splits: string | readonly string[]): Promise<ExampleLabels[]> {
    return this.#splits.labels(this.#splits.check(splits));
  }

  /** Counts of the classes and of labels per image. Reads the records without decoding images; the counts are remembered. */
  async labelStatistics(splits: string | readonly string[]): Promise<LabelStatistics> {
    return this.#splits.statistics(this.#splits.check(splits));
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
    const { chosen, ranges } = await this.#open(splits, options);
    const composites =
      options.composites && resolveComposites(options.composites, this.classes.length, options.batchSize);
    const sources =
      composites || options.predicted
        ? await this.#sources.get({ splits, options, ranges, chosen: chosen ?? [], composites })
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

  /** What is walked over, and whose masks may supervise; the shards of all of it are known to the makers. */
  async #open(splits: string[], options: Omit<BatchOptions, 'batchSize'>) {
    const chosen = await chooseMasked(this.dir, this.#splits, splits, options);
    const ranges = await rangesToWalk(this.dir, this.#splits, splits, options);
    const ofMasks = typeof options.masks === 'object' ? [options.masks.split] : [];
    for (const split of new Set([...splits, ...ofMasks])) await this.#splits.shards(split);
    return { chosen, ranges };
  }

  /** The first label of each example that is walked over, -1 without; undefined where no partners are asked for. */
  async #partnersOf(
    ranges: readonly ExampleRange[],
    { partners = false }: BatchOptions,
  ): Promise<((example: number) => number) | undefined> {
    if (!partners) return undefined;
    const known = new Map<number, number>();
    for (const [split, [first, end]] of this.#splits.ranges) {
      if (!ranges.some(([from, to]) => from < end && to > first)) continue;
      for (const [i, { labels }] of (await this.#splits.labels([split])).entries())
        known.set(first + i, labels[0] ?? -1);
    }
    return (example) => known.get(example)!;
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
}
