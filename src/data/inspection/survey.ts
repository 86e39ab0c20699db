import type { BatchMask } from '../batch.ts';
import type { Dataset } from '../dataset.ts';
import type { LabelStatistics } from '../label-statistics.ts';
import { type Fingerprinted, type NearDuplicates, nearDuplicates } from './near-duplicates.ts';
import { fingerprint } from './perceptual-hash.ts';

/** Side of the pictures that a survey looks at. */
export const SURVEY_SIDE = 64;

/** Smallest, median and largest. */
export type Spread = [least: number, median: number, most: number];

/** What is in a split. */
export interface SplitSurvey extends LabelStatistics {
  split: string;
  /** Objects, and those with a mask. */
  boxes: number;
  masks: number;
  /** In pixels, of the images whose record states it; undefined where none does. */
  width: Spread | undefined;
  height: Spread | undefined;
  /** Share of the image that the union of a class's masks covers. */
  maskArea: Spread | undefined;
}

/** An image to look at. */
export interface SurveySample {
  id: string;
  filename: string;
  split: string;
  labels: number[];
  /** [64*64*3], RGB from 0 to 1. */
  image: Float32Array;
  masks: BatchMask[];
}

export interface DatasetSurvey {
  splits: SplitSurvey[];
  /** The first images of each class of each split. */
  samples: SurveySample[];
  /** Images that look the same and lie in different splits. */
  duplicates: NearDuplicates;
}

export interface SurveyOptions {
  /** @default all */
  splits?: readonly string[];
  /** Images of each class of each split that are kept to be looked at. @default 4 */
  samples?: number;
  /** Threads that decode. @default 1 */
  workers?: number;
  /** Images done, and in all. */
  onProgress?: (done: number, total: number) => void;
}

/**
 * Looks at every image of a data set once: counts, sizes, masks, a few images of each class, and images that lie in
 * more than one split.
 *
 * @throws {DataError} at the first record that is damaged
 */
export async function surveyDataset(dataset: Dataset, options: SurveyOptions = {}): Promise<DatasetSurvey> {
  const { samples: wanted = 4, workers = 1, onProgress = () => {} } = options;
  const names = options.splits ?? Object.keys(dataset.info.splits);
  const total = names.reduce((sum, split) => sum + (dataset.info.splits[split]?.examples ?? 0), 0);
  const splits: SplitSurvey[] = [];
  const samples: SurveySample[] = [];
  const prints: Fingerprinted[] = [];
  let done = 0;
  for (const split of names) {
    const labels = await dataset.labels(split);
    const areas: number[] = [];
    const taken = new Map<number, number>();
    let seen = 0;
    const walk = { batchSize: 32, imageSize: [SURVEY_SIDE, SURVEY_SIDE] as const, workers };
    for await (const batch of dataset.batches(split, walk)) {
      const pixels = batch.images.length / batch.size;
      for (const [i, id] of batch.ids.entries()) {
        const image = batch.images.slice(i * pixels, (i + 1) * pixels);
        const masks = batch.masks.filter(({ sample }) => sample === i);
        for (const { mask } of masks) areas.push(mask.reduce((sum, value) => sum + value, 0) / mask.length);
        const { filename, labels: shown } = labels[seen++]!;
        prints.push({ id, filename, split, print: fingerprint(image, SURVEY_SIDE) });
        const strata = shown.length > 0 ? shown : [-1];
        if (strata.some((label) => (taken.get(label) ?? 0) < wanted)) {
          for (const label of strata) taken.set(label, (taken.get(label) ?? 0) + 1);
          samples.push({ id, filename, split, labels: shown, image, masks });
        }
      }
      onProgress(done + seen, total);
    }
    done += labels.length;
    const stated = labels.filter(({ width, height }) => width > 0 && height > 0);
    splits.push({
      split,
      ...(await dataset.labelStatistics(split)),
      boxes: labels.reduce((sum, { boxes }) => sum + boxes, 0),
      masks: labels.reduce((sum, { masks }) => sum + masks, 0),
      width: spread(stated.map(({ width }) => width)),
      height: spread(stated.map(({ height }) => height)),
      maskArea: spread(areas),
    });
  }
  return { splits, samples, duplicates: nearDuplicates(prints) };
}

function spread(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted.length > 0 ? [sorted[0]!, sorted[(sorted.length - 1) >> 1]!, sorted.at(-1)!] : undefined;
}
