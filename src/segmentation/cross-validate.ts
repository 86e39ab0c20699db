import type * as tfl from '@tensorflow/tfjs-layers';
import { randomFor } from '../random/index.ts';
import { type FitOptions, fitPixelClassifier } from './fit-pixel-classifier.ts';
import { predictMasks } from './predict-masks.ts';
import type { TruthfulImage } from './training-sample.ts';

/** Intersection over union of two regions; 1 when both are empty. */
export function intersectionOverUnion(
  a: { readonly length: number; readonly [pixel: number]: number },
  b: { readonly length: number; readonly [pixel: number]: number },
): number {
  let [both, any] = [0, 0];
  for (let p = 0; p < a.length; p++) {
    if (a[p] && b[p]) both++;
    if (a[p] || b[p]) any++;
  }
  return any === 0 ? 1 : both / any;
}

/**
 * Estimates how good predicted masks will be: learns from a part of the masked images, and compares what it predicts
 * for the others with their masks.
 *
 * @param options `folds`: how many parts; below 2 there is no estimate
 * @returns the mean intersection over union of each class; null where no image with a mask of it was left out. Images
 *   with boxes only are learned from and not measured on.
 */
export function crossValidate(
  model: tfl.LayersModel,
  truthful: readonly TruthfulImage[],
  labelled: readonly TruthfulImage[],
  options: FitOptions & { readonly folds: number },
): (number | null)[] {
  const found = Array.from({ length: options.classes }, (): number[] => []);
  const folds = Math.min(options.folds, truthful.length);
  if (folds >= 2) {
    const order = randomFor(options.seed, 'folds').shuffle([...truthful]);
    for (let fold = 0; fold < folds; fold++) {
      const left = order.filter((_, i) => i % folds === fold && order[i]!.masks.size > 0);
      const rest = order.filter((_, i) => i % folds !== fold);
      const classifier = fitPixelClassifier(model, rest, labelled, options);
      const { height, width } = order[0]!.truth;
      for (let first = 0; first < left.length; first += 50) {
        const some = left.slice(first, first + 50);
        predictMasks([classifier], some, [height, width]).forEach(({ classes }, i) => {
          for (const [c, region] of some[i]!.masks) {
            const predicted = classes.map((value) => Number(value === c + 1));
            found[c]!.push(intersectionOverUnion(predicted, region));
          }
        });
      }
      classifier.dispose();
    }
  }
  return found.map((values) =>
    values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length,
  );
}
