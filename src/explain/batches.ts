import { UsageError } from '../errors/index.ts';

/** A run of rows: `first` … `first + size − 1` of all. */
export interface Batch {
  readonly first: number;
  readonly size: number;
  /** The numbers of the rows, the last one repeated until every batch is as long as the first. */
  readonly rows: readonly number[];
}

/**
 * Deals `count` rows into batches of one length: an engine that compiles by shape meets one shape.
 *
 * @throws {UsageError} when `batchSize` is not a whole number above 0
 */
export function batchesOf(count: number, batchSize: number): Batch[] {
  if (!Number.isInteger(batchSize) || batchSize < 1) {
    throw new UsageError(`batchSize: expected a whole number of at least 1, received ${batchSize}`);
  }
  const length = Math.min(batchSize, count);
  return Array.from({ length: count === 0 ? 0 : Math.ceil(count / length) }, (_, i) => {
    const first = i * length;
    return {
      first,
      size: Math.min(length, count - first),
      rows: Array.from({ length }, (_, row) => Math.min(first + row, count - 1)),
    };
  });
}
