import { checkedName } from '../../../files/index.ts';
import type { DatasetInfo } from '../../dataset-info.ts';
import type { ImageExample } from '../../image-example.ts';

/** Takes what a `DatasetWriter` takes, and writes nothing. */
export class DryRun {
  readonly #info: Omit<DatasetInfo, 'splits'>;
  readonly #splits: Map<string, { examples: number; shards: string[] }>;

  constructor(info: Omit<DatasetInfo, 'splits'>, splits: readonly string[]) {
    this.#info = info;
    this.#splits = new Map(
      splits.map((split) => [checkedName(split, 'split'), { examples: 0, shards: [] }] as const),
    );
  }

  async write(split: string, _: ImageExample): Promise<void> {
    this.#splits.get(split)!.examples++;
  }

  async finish(): Promise<DatasetInfo> {
    return { ...this.#info, splits: Object.fromEntries(this.#splits) };
  }

  async abort(): Promise<void> {}
}
