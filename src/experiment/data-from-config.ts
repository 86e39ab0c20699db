import type { Config } from '../config/index.ts';
import {
  type BatchOptions,
  type CompositeOptions,
  type Dataset,
  generateDrawn,
  openDataset,
  type PredictedMasks,
} from '../data/index.ts';
import { DataError, UsageError } from '../errors/index.ts';
import { type Progress, startProgress } from '../progress/index.ts';
import { masksAreRead } from './objective-from-config.ts';

/**
 * Opens the data set of an experiment; a built-in one is generated first when it is not there.
 *
 * Every record of the splits that the experiment uses is read and checked, though no image is decoded: damage in
 * a test split is better known before the training than after it.
 *
 * @throws {DataError} naming the file and record that is missing or damaged.
 */
export async function openExperimentData(config: Config, signal?: AbortSignal): Promise<Dataset> {
  const { dir, splits, masks } = config.data;
  await drawBuiltInData(config, signal);
  const dataset = await openDataset(dir);
  checkFrames(config, dataset);
  const wanted = [
    ...splits.train,
    ...(splits.validation ? [splits.validation] : []),
    ...splits.test,
    ...(masks.count === 0 ? [] : [masks.split]),
  ];
  const known = Object.keys(dataset.info.splits);
  for (const split of wanted) {
    if (!known.includes(split))
      throw new DataError(`${dir}: no split '${split}'; it has ${known.join(', ')}`);
    await dataset.labelStatistics(split);
  }
  return dataset;
}

function checkFrames({ data: { dir, frames } }: Config, { info }: Dataset): void {
  if (info.clips && frames === null) {
    throw new UsageError(`data.frames: null, but ${dir} holds clips; say how many frames reach the network`);
  }
  if (!info.clips && frames !== null) {
    throw new UsageError(`data.frames: ${frames}, but ${dir} holds images, not clips`);
  }
}

/** Draws the data set of a built-in source where it is not there yet. */
export async function drawBuiltInData({ data }: Config, signal?: AbortSignal): Promise<void> {
  if (data.source === 'tfrecord') return;
  let progress: Progress | undefined;
  try {
    await generateDrawn(data.source, data.dir, data.options, (done, total) => {
      signal?.throwIfAborted();
      progress ??= startProgress(`drawing ${data.source}`, total);
      progress.update(done);
    });
  } finally {
    progress?.stop();
  }
}

/**
 * Sees that there are groups where they choose the checkpoint.
 *
 * @throws {UsageError} when no image of the validation split has a group
 */
export async function requireGroups({ training, data }: Config, dataset: Dataset): Promise<void> {
  const { validation } = data.splits;
  if (!['worstGroup', 'groupMean'].includes(training.selectBy) || validation === null) return;
  const { groups } = await dataset.labelStatistics([validation]);
  if (groups.length > 0) return;
  throw new UsageError(
    `training.selectBy: ${training.selectBy}, but no image of ${validation} in ${data.dir} has a group`,
  );
}

/** How an epoch of training walks over the data. */
export function trainingBatchOptions(
  config: Config,
  epoch: number,
  firstBatch: number,
  { predicted, composites }: MadeData = {},
): BatchOptions {
  const { data, seed } = config;
  const { batchSize, imageSize, frames, fit, workers, augment, shuffleBuffer, masks, partners } = data;
  return {
    batchSize,
    imageSize,
    frames: frames ?? undefined,
    fit,
    workers,
    augment,
    shuffle: shuffleBuffer,
    seed,
    epoch,
    skipBatches: firstBatch,
    dropRemainder: true,
    masks: masks.count === 0 ? 'none' : { split: masks.split, count: masks.count, of: masks.use },
    maskedPerBatch: masks.perBatch,
    withMasks: masksAreRead(config),
    partners,
    ...(predicted && { predicted }),
    predictedSupervise: masks.predicted?.supervise ?? false,
    composites,
  };
}

/** What a training is fed beside the records of its data set. */
export interface MadeData {
  readonly predicted?: PredictedMasks | undefined;
  readonly composites?: CompositeOptions | undefined;
}

/**
 * The composites that a config asks for, with the classes by their numbers.
 *
 * @param found suspects where the config leaves them to an audit
 * @throws {UsageError} naming the class that does not exist
 */
export function compositesOf(
  { data }: Config,
  dataset: Dataset,
  found?: readonly string[],
): CompositeOptions | undefined {
  if (!data.composites) return undefined;
  const { suspects: asked, erased, ...options } = data.composites;
  const suspects = found ?? asked;
  if (suspects !== 'all' && !isNames(suspects)) {
    throw new UsageError('data.composites.suspects: left to an audit, and there is none; name the classes');
  }
  const indexOf = (name: string, key: string) => {
    const index = dataset.classes.indexOf(name);
    if (index >= 0) return index;
    throw new UsageError(
      `data.composites.${key}: no class '${name}' in ${data.dir}; it has ${dataset.classes.join(', ')}`,
    );
  };
  return {
    ...options,
    suspects:
      suspects === 'all'
        ? dataset.classes.map((_, c) => c)
        : suspects.map((name) => indexOf(name, 'suspects')),
    erased: erased === 'none' || erased === 'uniform' ? erased : indexOf(erased, 'erased'),
  };
}

function isNames(suspects: unknown): suspects is readonly string[] {
  return Array.isArray(suspects);
}
