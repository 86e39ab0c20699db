import type { Dataset } from '../data/index.ts';
import { bestConstantBox, labelPairs, levelCount, type PixelBox } from '../metrics/index.ts';
import type { BatchReader } from './batch-reader.ts';
import type { Explainer } from './explainer.ts';
import { ThresholdChoice } from './localization-tally.ts';
import { CentreBoxes, MapReader } from './map-reader.ts';
import type { ThresholdSource } from './options.ts';
import type { LocalizationResult } from './result.ts';
import { truthOf } from './truth.ts';

/** What is decided on a split whose boxes may be looked at, before the evaluated one is. */
export interface Calibration {
  readonly from: LocalizationResult['thresholdFrom'];
  /** Level of the one threshold of each method. */
  readonly levels: readonly number[];
  readonly centreLevel: number;
  readonly constantBox: PixelBox | undefined;
}

/** Of clips: no threshold, since a box does not say when. */
export function withoutBoxes(methods: number): Calibration {
  return {
    from: 'none',
    levels: Array.from({ length: methods }, () => 0),
    centreLevel: 0,
    constantBox: undefined,
  };
}

/**
 * Chooses a threshold for each method, and the box that fits best, on a split.
 *
 * @param onImages told how many images are done
 */
export async function calibrate(
  explainer: Explainer,
  dataset: Dataset,
  source: ThresholdSource,
  read: BatchReader,
  onImages: (images: number) => void,
): Promise<Calibration> {
  const { methods, imageSize } = explainer.options;
  const [height, width] = imageSize;
  if ('value' in source) {
    const level = Math.trunc(source.value * levelCount);
    return { from: 'given', levels: methods.map(() => level), centreLevel: level, constantBox: undefined };
  }
  const choices = methods.map(() => new ThresholdChoice());
  const centre = new ThresholdChoice();
  const reader = new MapReader(height, width);
  const centreBoxes = new CentreBoxes(height, width);
  const boxes: (readonly PixelBox[])[] = [];
  let images = 0;
  for await (const batch of read(source.split)) {
    const pairs = labelPairs(batch, dataset.classes.length, Number.POSITIVE_INFINITY);
    const truths = pairs.map((pair) => truthOf(batch, pair, imageSize));
    const explained = await explainer.explain(batch, pairs);
    for (const [p, truth] of truths.entries()) {
      if (!truth) continue;
      boxes.push(truth.boxes);
      for (const [m, choice] of choices.entries()) {
        choice.add(reader.measure(explained.map(m, p), truth, -1).byLevel!);
      }
      centre.add(centreBoxes.iou(truth));
    }
    images += batch.size;
    onImages(images);
  }
  return {
    from: { split: source.split, images },
    levels: choices.map(({ level }) => level),
    centreLevel: centre.level,
    constantBox: bestConstantBox(boxes, height, width),
  };
}
