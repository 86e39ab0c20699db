import type { Dataset } from '../data/index.ts';
import { DataError, nearest, UsageError } from '../errors/index.ts';
import type { InputScaling } from '../models/index.ts';

export const measureNames = ['localization', 'faithfulness', 'sanity', 'wrong-reasons'] as const;
export type MeasureName = (typeof measureNames)[number];

/** Where the one threshold of a method comes from: chosen on a split, or given (share of the maximum). */
export type ThresholdSource = { readonly split: string } | { readonly value: number };

export interface EvaluationOptions {
  /** Names of methods of `explain`. @default the method that the run was trained with, else Grad-CAM */
  readonly methods?: readonly string[] | undefined;
  /** @default that of the run, else `auto` */
  readonly targetLayer?: string | undefined;
  /** @default localization, where a split has boxes or masks */
  readonly measures?: readonly MeasureName[] | undefined;
  /** Run directory or model folder to compare with. @default the teacher that the run was trained with */
  readonly teacher?: string | undefined;
  /** Layer of the teacher that is explained. @default that of the run's distillation, else `auto` */
  readonly teacherLayer?: string | undefined;
  /** What a teacher that is no run expects of its pixels. @default as its run says, else its files */
  readonly teacherScaling?: InputScaling | undefined;
  /** @default chosen on `train-fullsup`, else on the split whose masks the run could train with */
  readonly threshold?: ThresholdSource | undefined;
  /** Pixels of the pointing game with a margin. */
  readonly tolerance: number;
  readonly replicates: number;
  readonly seed: number;
  /** Evaluate the first images only. */
  readonly limit?: number | undefined;
  readonly faithfulnessLimit: number;
  readonly sanityLimit: number;
  /** Changed copies of each image, for RISE and LIME. @default as the method says */
  readonly samples?: number | undefined;
  /** @default that of the run's evaluations, else 32 */
  readonly batchSize?: number | undefined;
}

/**
 * The names here of methods, each once.
 *
 * @throws {UsageError} naming what was probably meant
 */
export async function checkMethods(methods: readonly string[]): Promise<readonly string[]> {
  const { explanationMethods, methodNamed } = await import('../explain/index.ts');
  const known = explanationMethods.map(({ name }) => name);
  return [...new Set(methods.map((method) => methodNamed(method, known, '--method')))];
}

/** @throws {UsageError} naming the splits that there are */
export function checkSplit(dataset: Dataset, split: string, option: string): void {
  const known = Object.keys(dataset.info.splits);
  if (known.includes(split)) return;
  const guess = nearest(split, known)[0];
  throw new UsageError(
    `${option}: ${dataset.dir} has no split ${split}${guess ? `; did you mean ${guess}?` : '.'} It has ${known.join(', ')}`,
  );
}

const FULLY_SUPERVISED = 'train-fullsup';

/**
 * Where the threshold comes from, with the data looked at: a split without boxes can give none.
 *
 * @param supervising the split whose masks the run could train with, where there is a run: it stands in for a missing
 *   train-fullsup
 * @throws {UsageError} when nothing was said and there is neither
 * @throws {DataError} when the split has neither boxes nor masks
 */
export async function checkThreshold(
  dataset: Dataset,
  threshold: ThresholdSource | undefined,
  supervising: string | undefined,
): Promise<ThresholdSource> {
  const usual = [FULLY_SUPERVISED, supervising].find(
    (split) => split !== undefined && split in dataset.info.splits,
  );
  const source = threshold ?? { split: usual ?? FULLY_SUPERVISED };
  if ('value' in source) {
    if (source.value >= 0 && source.value < 1) return source;
    throw new UsageError(
      `--threshold: expected a share of the map's maximum in [0, 1), found ${source.value}`,
    );
  }
  if (!threshold && !(source.split in dataset.info.splits)) {
    const known = Object.keys(dataset.info.splits).join(', ');
    throw new UsageError(
      `${dataset.dir} has no split ${FULLY_SUPERVISED} to choose the threshold on: name another one that has boxes ` +
        `(${known}) with --threshold-from, or give a number with --threshold`,
    );
  }
  checkSplit(dataset, source.split, '--threshold-from');
  await requireTruth(dataset, source.split, 'so no threshold can be chosen on it');
  return source;
}

/** Whether any image of the split has a box or a mask. */
export async function hasTruth(dataset: Dataset, split: string): Promise<boolean> {
  const { withBoxes, withMasks } = await dataset.labelStatistics(split);
  return withBoxes + withMasks > 0;
}

/** @throws {DataError} when no image of the split has a box or a mask */
export async function requireTruth(dataset: Dataset, split: string, consequence: string): Promise<void> {
  if (await hasTruth(dataset, split)) return;
  throw new DataError(`${dataset.dir}: no image of ${split} has a box or a mask, ${consequence}`);
}
