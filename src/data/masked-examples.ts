import { UsageError } from '../errors/index.ts';
import { randomFor } from '../random/index.ts';
import type { BatchOptions } from './batch-options.ts';
import type { DatasetSplits, ExampleRange } from './dataset-splits.ts';

/** What says which examples may supervise, and how often they come. */
export type MaskOptions = Pick<BatchOptions, 'masks' | 'maskedPerBatch' | 'seed'>;

/**
 * The examples that `masks` chooses, in the order of choice; undefined where the order does not need them.
 *
 * @param dir of the data set, for the message
 * @throws {UsageError} when more are asked for than there are
 */
export async function chooseMasked(
  dir: string,
  splits: DatasetSplits,
  walked: readonly string[],
  { masks = 'all', maskedPerBatch = 0, seed = 0 }: MaskOptions,
): Promise<number[] | undefined> {
  if (masks === 'none' || (masks === 'all' && maskedPerBatch === 0)) return undefined;
  if (masks === 'all')
    return (await Promise.all(walked.map((split) => maskedExamples(splits, split)))).flat();

  const masked = randomFor(seed, 'choose masked').shuffle(
    await maskedExamples(splits, masks.split, masks.of),
  );
  const count = masks.count === 'all' ? masked.length : masks.count;
  if (count > masked.length) {
    throw new UsageError(
      `${dir}: ${count} masked examples are asked for, the split ${masks.split} has ${masked.length}`,
    );
  }
  return masked.slice(0, count);
}

/** Examples of a split that have a mask; where none has, those that have a box. Confounders have no boxes. */
async function maskedExamples(
  splits: DatasetSplits,
  split: string,
  of: 'objects' | 'confounders' = 'objects',
): Promise<number[]> {
  const [first] = splits.range(split);
  const { having } = await splits.tally(split);
  const counted =
    of === 'confounders' ? having.confounders : having.masks.length > 0 ? having.masks : having.boxes;
  return counted.map((position) => first + position);
}

/** What an epoch walks over: the splits, and the chosen masked examples where their split is not among them. */
export async function rangesToWalk(
  dir: string,
  splits: DatasetSplits,
  walked: readonly string[],
  options: MaskOptions,
): Promise<ExampleRange[]> {
  const ranges = walked.map((split) => splits.range(split));
  if (typeof options.masks !== 'object' || walked.includes(options.masks.split)) return ranges;
  const added = (await chooseMasked(dir, splits, walked, options)) ?? [];
  return [...ranges, ...added.map((example) => [example, example + 1] as const)];
}
