import type * as tfl from '@tensorflow/tfjs-layers';
import type { Config } from '../config/index.ts';
import { type Dataset, type PredictedMasks, readPredictedMasks } from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import { type Progress, startProgress } from '../progress/index.ts';
import { segmentDataset } from '../segmentation/index.ts';

/**
 * The predicted masks that a config asks for: read from their file, or made with the features of the network that
 * the training begins with.
 *
 * @returns undefined where the config asks for none
 * @throws {UsageError} when there is no mask or box to learn from
 * @throws {DataError} when a file is missing or damaged
 */
export async function predictedMasksOf(
  config: Config,
  model: tfl.LayersModel,
  dataset: Dataset,
  log: (line: string) => void,
  signal?: AbortSignal,
): Promise<PredictedMasks | undefined> {
  const { predicted, drawn, split, count } = config.data.masks;
  if (!predicted) {
    if (drawn === null) return undefined;
    throw new UsageError('data.masks.drawn: it is what data.masks.predicted learns from, which is null');
  }
  const { file, steps, batch, pasted, folds, layers, resolution, mirror } = predicted;
  const masks = file === null ? await made() : { ...(await readPredictedMasks(file)), path: file };
  log(
    `masks    ${masks.masks.size} predicted (${masks.path}); estimated IoU ${describeIou(masks, dataset.classes)}`,
  );
  return masks;

  async function made() {
    const { imageSize, fit, workers, splits } = config.data;
    const asked = (await asksValidation(config, dataset)) ? [splits.validation!] : [];
    const bars: { what: string; bar: Progress }[] = [];
    try {
      return await segmentDataset(model, dataset, {
        imageSize,
        fit,
        workers,
        masks: { split, count },
        drawn: drawn === null ? undefined : await readPredictedMasks(drawn),
        splits: [...new Set([...splits.train, ...(drawn === null ? [split] : []), ...asked])],
        labelled: splits.train,
        seed: config.seed,
        steps,
        batch,
        pasted,
        folds,
        resolution,
        mirror,
        layers: layers ?? undefined,
        signal,
        onProgress(what, done, total) {
          if (bars.at(-1)?.what !== what) {
            bars.at(-1)?.bar.stop();
            bars.push({ what, bar: startProgress(what, total) });
          }
          bars.at(-1)!.bar.update(done);
        },
      });
    } finally {
      bars.at(-1)?.bar.stop();
    }
  }
}

/** Whether composites are made of the validation split, and not all along masks of its own. */
async function asksValidation({ data, training }: Config, dataset: Dataset): Promise<boolean> {
  const { composites, splits } = data;
  if (!composites || splits.validation === null) return false;
  if (composites.suspects !== 'auto' && !training.selectBy.startsWith('composites')) return false;
  const masked = new Set((await dataset.labels(splits.validation)).flatMap((one) => one.maskedClasses));
  const { suspects } = composites;
  const wanted = Array.isArray(suspects) ? suspects : dataset.classes;
  return wanted.some((name) => !masked.has(dataset.classes.indexOf(name)));
}

/** `boat .52, car .61, tree –`: of each class, – where it could not be estimated. */
export function describeIou({ info }: PredictedMasks, classes: readonly string[]): string {
  return classes.map((name, c) => `${name} ${info.iou[c]?.toFixed(2).replace(/^0/, '') ?? '–'}`).join(', ');
}
