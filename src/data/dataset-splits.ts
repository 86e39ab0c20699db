import { join } from 'node:path';
import { DataError, UsageError } from '../errors/index.ts';
import type { DatasetInfo } from './dataset-info.ts';
import type { Shard } from './example-reader.ts';
import {
  type ExampleLabels,
  eachLabels,
  type LabelStatistics,
  LabelTally,
  readLabels,
} from './label-statistics.ts';
import { RecordFile } from './record-file.ts';

/** Examples, numbered over the whole data set, as [first, end). */
export type ExampleRange = readonly [first: number, end: number];

/** The splits of a data set on disk: where their examples are, and what is known of them without decoding an image. */
export class DatasetSplits {
  readonly #dir: string;
  readonly #info: DatasetInfo;
  readonly #onShards: (shards: Shard[]) => void;
  readonly #ranges = new Map<string, ExampleRange>();
  readonly #shards = new Map<string, Promise<Shard[]>>();
  readonly #labels = new Map<string, Promise<ExampleLabels[]>>();
  readonly #tallies = new Map<string, Promise<LabelTally>>();

  /** @param onShards told of the shards of each split when their records have been found and counted */
  constructor(dir: string, info: DatasetInfo, onShards: (shards: Shard[]) => void) {
    this.#dir = dir;
    this.#info = info;
    this.#onShards = onShards;
    let first = 0;
    for (const [split, { examples }] of Object.entries(info.splits)) {
      this.#ranges.set(split, [first, first + examples]);
      first += examples;
    }
  }

  /** Examples of all splits together. */
  get examples(): number {
    return Math.max(0, ...[...this.#ranges.values()].map(([, end]) => end));
  }

  /** Each split with its examples, in the order of the data set. */
  get ranges(): Iterable<readonly [split: string, range: ExampleRange]> {
    return this.#ranges;
  }

  range(split: string): ExampleRange {
    return this.#ranges.get(split)!;
  }

  /** @throws {UsageError} for a split that there is not */
  check(splits: string | readonly string[]): string[] {
    const names = [splits].flat() as string[];
    for (const split of names) {
      if (this.#ranges.has(split)) continue;
      throw new UsageError(
        `${this.#dir} has no split ${split}; it has ${[...this.#ranges.keys()].join(', ')}`,
      );
    }
    return names;
  }

  /** The shards of a split, their records found and counted. */
  shards(split: string): Promise<Shard[]> {
    return remembered(this.#shards, split, () => this.#open(split));
  }

  /** Labels of all examples, in their order on disk; remembered. */
  async labels(splits: readonly string[]): Promise<ExampleLabels[]> {
    const lists = splits.map((split) =>
      remembered(this.#labels, split, async () => readLabels(await this.shards(split), this.#info)),
    );
    return (await Promise.all(lists)).flat();
  }

  /** What is counted of a split; remembered. */
  tally(split: string): Promise<LabelTally> {
    return remembered(this.#tallies, split, () => this.#count(split));
  }

  async statistics(splits: readonly string[]): Promise<LabelStatistics> {
    const tallies = await Promise.all(splits.map((split) => this.tally(split)));
    return LabelTally.sum(tallies, this.#info.classes.length);
  }

  async #count(split: string): Promise<LabelTally> {
    const tally = new LabelTally(this.#info.classes.length);
    const known = await this.#labels.get(split);
    for await (const labels of known ?? eachLabels(await this.shards(split), this.#info)) tally.add(labels);
    return tally;
  }

  async #open(split: string): Promise<Shard[]> {
    const [start, end] = this.range(split);
    const shards: Shard[] = [];
    let firstExample = start;
    for (const name of this.#info.splits[split]!.shards) {
      const path = join(this.#dir, name);
      const file = await RecordFile.open(path);
      file.close();
      shards.push({ path, firstExample, boundaries: file.boundaries });
      firstExample += file.count;
    }
    if (firstExample !== end) {
      throw new DataError(
        `${join(this.#dir, 'dataset.json')}: split ${split} should have ${end - start} examples, its shards have ${firstExample - start}`,
      );
    }
    this.#onShards(shards);
    return shards;
  }
}

function remembered<T>(known: Map<string, T>, key: string, make: () => T): T {
  let value = known.get(key);
  if (value === undefined) {
    value = make();
    known.set(key, value);
  }
  return value;
}
