import type { BatchOptions } from './batch-options.ts';
import type { BatchSources } from './batch-sources.ts';
import { createCompositeStore, planComposites, type ResolvedComposites } from './composites/index.ts';
import type { DatasetInfo } from './dataset-info.ts';
import type { DatasetSplits, ExampleRange } from './dataset-splits.ts';
import type { ExampleLabels } from './label-statistics.ts';
import { type PredictedMasks, shareMasks } from './predicted-masks.ts';

/** What batches are made from beside the records, asked for by an epoch. */
export interface SourceRequest {
  readonly splits: readonly string[];
  readonly options: Omit<BatchOptions, 'batchSize'>;
  readonly ranges: readonly ExampleRange[];
  /** Examples whose masks may be used, where not all may. */
  readonly chosen: readonly number[];
  readonly composites: ResolvedComposites | undefined;
}

/** What composites and predicted masks come from, put together once for the options that shape it. */
export class KnownSources {
  readonly #info: DatasetInfo;
  readonly #splits: DatasetSplits;
  readonly #onSources: (sources: BatchSources) => void;
  readonly #known = new Map<string, Promise<BatchSources>>();
  /** Predicted masks are told apart by the object that holds them. */
  readonly #predicted: PredictedMasks[] = [];

  /** @param onSources told of what was put together, before anything is made from it */
  constructor(info: DatasetInfo, splits: DatasetSplits, onSources: (sources: BatchSources) => void) {
    this.#info = info;
    this.#splits = splits;
    this.#onSources = onSources;
  }

  get(request: SourceRequest): Promise<BatchSources> {
    const { masks = 'all', seed = 0, fit = 'squash', imageSize, predicted } = request.options;
    const { splits, composites } = request;
    const key = JSON.stringify([splits, masks, seed, fit, imageSize, composites, this.#numberOf(predicted)]);
    let sources = this.#known.get(key);
    if (!sources) {
      sources = this.#make(String(this.#known.size), request);
      this.#known.set(key, sources);
    }
    return sources;
  }

  async #make(id: string, { options, ranges, chosen, composites }: SourceRequest): Promise<BatchSources> {
    const { masks = 'all', predicted, imageSize } = options;
    const examples = [...new Set(ranges.flatMap(examplesOf))];
    const known = await this.#labelsOf(examples);
    const mayUse = new Set(masks === 'all' ? examples : chosen);
    const masked = new Set([...mayUse].filter((example) => (known[example]?.masks ?? 0) > 0));
    const shared =
      predicted &&
      shareMasks(
        predicted,
        Array.from({ length: this.#splits.examples }, (_, i) => known[i]?.id),
      );
    const sources = { id, masked, predicted: shared };
    if (!composites) return this.#told({ ...sources, composites: undefined });
    const { classes, multiLabel } = this.#info;
    const plan = planComposites(
      examples.map((example) => {
        const { labels, id: name, maskedClasses } = known[example]!;
        const segmented = predicted?.masks.get(name)?.confidence;
        const has = (c: number) =>
          masked.has(example) ? maskedClasses.includes(c) : (segmented?.has(c) ?? false);
        return { example, labels, masked: labels.filter(has) };
      }),
      {
        ...sources,
        options: composites,
        classes: classes.length,
        multiLabel,
        store:
          composites.cache > 0
            ? createCompositeStore(composites.cache, imageSize[1], imageSize[0], classes.length)
            : undefined,
      },
      classes,
    );
    return this.#told({ ...sources, composites: plan });
  }

  /** Labels by the number of the example, of the splits that some examples are of. */
  async #labelsOf(examples: readonly number[]): Promise<(ExampleLabels | undefined)[]> {
    const known: (ExampleLabels | undefined)[] = [];
    for (const [split, [first, end]] of this.#splits.ranges) {
      if (!examples.some((example) => example >= first && example < end)) continue;
      (await this.#splits.labels([split])).forEach((one, i) => {
        known[first + i] = one;
      });
    }
    return known;
  }

  #told(sources: BatchSources): BatchSources {
    this.#onSources(sources);
    return sources;
  }

  #numberOf(predicted: PredictedMasks | undefined): number {
    if (!predicted) return -1;
    const found = this.#predicted.indexOf(predicted);
    return found >= 0 ? found : this.#predicted.push(predicted) - 1;
  }
}

/** @returns the numbers first, …, end − 1 */
export function examplesOf([first, end]: ExampleRange): number[] {
  return Array.from({ length: end - first }, (_, i) => first + i);
}
