import type { Dataset, HostBatch } from '../data/index.ts';
import type { TrainedNetwork } from '../run/index.ts';

/** Batches of a split in its order, at most `limit` images. */
export type BatchReader = (split: string, limit?: number) => AsyncIterable<HostBatch>;

/** Reads the batches of a data set as a network takes them. */
export function batchReader(
  dataset: Dataset,
  { imageSize, frames, fit, config }: TrainedNetwork,
  batchSize: number,
  signal: AbortSignal | undefined,
): BatchReader {
  const workers = config?.data.workers ?? 1;
  return async function* (split, limit = Number.POSITIVE_INFINITY) {
    let left = limit;
    for await (const batch of dataset.batches(split, { batchSize, imageSize, frames, fit, workers })) {
      signal?.throwIfAborted();
      yield firstImages(batch, left, [(frames ?? 1) * imageSize[0], imageSize[1]], dataset.classes.length);
      left -= batch.size;
      if (left <= 0) return;
    }
  };
}

/**
 * The first images of a batch; the batch itself when it has no more.
 *
 * @param size [H,W], of clips [T·H,W]
 */
export function firstImages(
  batch: HostBatch,
  count: number,
  [height, width]: readonly [number, number],
  classes: number,
): HostBatch {
  if (batch.size <= count) return batch;
  return {
    size: count,
    images: batch.images.slice(0, count * height * width * 3),
    labels: batch.labels.slice(0, count * classes),
    ...(batch.labelWeights && { labelWeights: batch.labelWeights.slice(0, count * classes) }),
    ...(batch.groups && { groups: batch.groups.slice(0, count) }),
    masks: batch.masks.filter(({ sample }) => sample < count),
    boxes: batch.boxes.filter(({ sample }) => sample < count),
    ...(batch.confounders && { confounders: batch.confounders.filter(({ sample }) => sample < count) }),
    supervised: batch.supervised.slice(0, count),
    ids: batch.ids.slice(0, count),
    views: batch.views.slice(0, count),
  };
}
