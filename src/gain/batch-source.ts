import type { GainBatch } from './objective/index.ts';

/** Batches of one epoch. A `tf.data.Dataset` is one, and so is an array or an async generator. */
export type BatchSource =
  | AsyncIterable<TrainingExample>
  | Iterable<TrainingExample>
  | { iterator(): Promise<{ next(): Promise<{ value: unknown; done?: boolean }> }> };

/** A batch as {@link gainLoss} takes it, or in the form of `model.fitDataset`. */
export type TrainingExample = GainBatch | (Omit<GainBatch, 'images' | 'labels'> & KerasBatch);
interface KerasBatch {
  readonly xs: GainBatch['images'];
  readonly ys: GainBatch['labels'];
}

/** Number of batches where the source knows it: an array, or a `tf.data` set of known size. */
export function sizeOf(dataset: unknown): number | undefined {
  if (Array.isArray(dataset)) return dataset.length;
  const size = (dataset as { size?: unknown }).size;
  return typeof size === 'number' && Number.isFinite(size) && size > 0 ? size : undefined;
}

/** The batches of a source one after the other, whatever form it has. */
export async function* batchesOf(source: BatchSource): AsyncGenerator<TrainingExample> {
  if (Symbol.asyncIterator in source || Symbol.iterator in source) {
    yield* source;
    return;
  }
  const iterator = await source.iterator();
  for (let item = await iterator.next(); !item.done; item = await iterator.next())
    yield item.value as TrainingExample;
}

/** Names of `model.fitDataset` to those of `gainLoss`. */
export function asGainBatch(example: TrainingExample): GainBatch {
  if (!('xs' in example)) return example;
  const { xs, ys, ...rest } = example;
  return { images: xs, labels: ys, ...rest };
}
