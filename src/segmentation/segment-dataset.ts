import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type * as tfl from '@tensorflow/tfjs-layers';
import {
  type Dataset,
  type Fit,
  type HostBatch,
  type PredictedMask,
  type PredictedMasks,
  type Region,
  readPredictedMasks,
  writePredictedMasks,
} from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import { lastLayersBySize } from '../gradcam/index.ts';
import { crossValidate } from './cross-validate.ts';
import { type FitOptions, fitPixelClassifier } from './fit-pixel-classifier.ts';
import { type TruthBox, truthOfBoxes, truthOfLabels, truthOfMasks } from './pixel-truth.ts';
import { predictMasks, type UnsegmentedImage } from './predict-masks.ts';
import type { TruthfulImage } from './training-sample.ts';

export interface SegmentationOptions
  extends Pick<FitOptions, 'seed' | 'layers' | 'steps' | 'batch' | 'pasted' | 'resolution' | 'signal'> {
  /** [H,W] of the network's input. */
  readonly imageSize: readonly [number, number];
  readonly fit: Fit;
  /** Which images have masks or boxes that may be used. */
  readonly masks: { readonly split: string; readonly count: number | 'all' };
  /** Masks that people drew: learned from in place of `masks`, and kept as they are for their images. */
  readonly drawn?: PredictedMasks | undefined;
  /** Splits whose images are segmented. */
  readonly splits: readonly string[];
  /** Splits whose labels may teach beside the masks. @default the first of `splits` */
  readonly labelled?: readonly string[];
  /** Parts of the cross-validation that estimates how good the masks are; 0 or 1: no estimate. @default 3 */
  readonly folds?: number;
  /** Average with the prediction of the mirror image. @default true */
  readonly mirror?: boolean;
  /** Threads that decode. @default 1 */
  readonly workers?: number;
  /** What is going on, for a bar: fitting, then predicting. */
  readonly onProgress?: ((what: string, done: number, total: number) => void) | undefined;
}

/** Images with labels only that are kept in memory to learn from. */
const mostLabelled = 400;
const batchSize = 50;

/**
 * Finds the objects of a labelled data set, told by a few masks or boxes, and writes what it finds to
 * `DATA/masks/HASH.tfrecord`, where it is read from the next time. HASH stands for the network's weights and all
 * options.
 *
 * @param model whose frozen features the pixel classifier reads
 * @returns the masks and how good they are, with the path of their file
 * @throws {UsageError} when there is no mask or box to learn from
 * @throws {DataError} when the data set or the file is damaged
 */
export async function segmentDataset(
  model: tfl.LayersModel,
  dataset: Dataset,
  options: SegmentationOptions,
): Promise<PredictedMasks & { readonly path: string }> {
  const path = join(dataset.dir, 'masks', `${await fingerprint(model, dataset, options)}.tfrecord`);
  if (!existsSync(path)) await segment(path, model, dataset, options);
  return { ...(await readPredictedMasks(path)), path };
}

async function segment(path: string, model: tfl.LayersModel, dataset: Dataset, options: SegmentationOptions) {
  const { imageSize, fit, masks, splits, folds = 3, mirror = true, signal, onProgress } = options;
  const truthful = await truthfulImages(dataset, options);
  if (truthful.length === 0) {
    throw new UsageError(
      options.drawn
        ? `${dataset.dir}: none of the drawn masks is of an image of ${learnedSplits(options).join(', ')}`
        : `${dataset.dir}: split ${masks.split} has no masks or boxes to learn segmentation from`,
    );
  }
  const labelled = (options.batch?.[1] ?? 0) === 0 ? [] : await labelledImages(dataset, options);
  const fitOptions: FitOptions = {
    ...options,
    classes: dataset.classes.length,
    layers: options.layers ?? lastLayersBySize(model),
    onStep: undefined,
  };
  const steps = fitOptions.steps ?? 400;
  const total = steps * (1 + (folds > 1 ? Math.min(folds, truthful.length) : 0));
  let done = 0;
  const onStep = () => onProgress?.('learning masks', ++done, total);
  const iou = crossValidate(model, truthful, labelled, { ...fitOptions, onStep, folds });
  const classifier = fitPixelClassifier(model, truthful, labelled, { ...fitOptions, onStep });

  const examples = splits.reduce((sum, split) => sum + dataset.info.splits[split]!.examples, 0);
  async function* predicted(): AsyncGenerator<PredictedMask> {
    let seen = 0;
    for (const split of splits) {
      for await (const batch of dataset.batches(split, { ...walk(options), masks: 'all' })) {
        signal?.throwIfAborted();
        // Boxes are truth where masks may be used, and not otherwise.
        for (const mask of predictMasks([classifier], imagesOf(batch, imageSize, false), imageSize, {
          mirror,
        })) {
          yield options.drawn?.masks.get(mask.id) ?? mask;
        }
        seen += batch.size;
        onProgress?.('predicting masks', seen, examples);
      }
    }
  }
  try {
    const info = {
      imageSize,
      fit,
      classes: dataset.classes,
      learnedFrom: truthful.length,
      iou,
      segmenter: { network: model.name, layers: fitOptions.layers, steps, seed: options.seed, folds },
    };
    await writePredictedMasks(path, info, predicted());
  } finally {
    classifier.dispose();
  }
}

const walk = ({ imageSize, fit, seed, workers = 1 }: SegmentationOptions) => ({
  batchSize,
  imageSize,
  fit,
  seed,
  workers,
});

/** The images whose masks may be used; where the split has none, those whose boxes may. */
export async function truthfulImages(
  dataset: Dataset,
  options: SegmentationOptions,
): Promise<TruthfulImage[]> {
  const { masks, imageSize } = options;
  if (options.drawn) return drawnImages(dataset, options, options.drawn);
  const found: TruthfulImage[] = [];
  for await (const batch of dataset.batches(masks.split, { ...walk(options), masks })) {
    imagesOf(batch, imageSize, true).forEach((image, sample) => {
      if (batch.supervised[sample] && (image.masks.size > 0 || image.boxes.length > 0)) found.push(image);
    });
  }
  return found;
}

/** The splits whose drawn masks may be learned from: those of the training. */
function learnedSplits({ splits, labelled = splits.slice(0, 1) }: SegmentationOptions): readonly string[] {
  return labelled;
}

/**
 * The images of the training that people have drawn masks of. What they said must not matter is background, whatever
 * the labels of the image.
 */
async function drawnImages(
  dataset: Dataset,
  options: SegmentationOptions,
  { info, masks }: PredictedMasks,
): Promise<TruthfulImage[]> {
  const [height, width] = options.imageSize;
  if (info.imageSize[0] !== height || info.imageSize[1] !== width || info.fit !== options.fit) {
    throw new UsageError(
      `drawn masks: they are of images of ${info.imageSize.join('x')} (${info.fit}), the network takes ` +
        `${height}x${width} (${options.fit})`,
    );
  }
  const found: TruthfulImage[] = [];
  for await (const batch of dataset.batches([...learnedSplits(options)], {
    ...walk(options),
    masks: 'none',
  })) {
    for (const image of imagesOf(batch, options.imageSize, false)) {
      const drawn = masks.get(image.id);
      if (!drawn) continue;
      const regions = new Map(
        [...drawn.confidence.keys()].map((c) => [
          c,
          Uint8Array.from(drawn.classes, (value) => Number(value === c + 1)) as Region,
        ]),
      );
      const { allowed } = truthOfMasks(regions, image.labels, height, width);
      drawn.irrelevant?.forEach((value, p) => {
        if (value) allowed[p] = 1;
      });
      found.push({ ...image, masks: regions, truth: { height, width, allowed } });
    }
  }
  return found;
}

async function labelledImages(dataset: Dataset, options: SegmentationOptions): Promise<TruthfulImage[]> {
  const { splits, labelled = splits.slice(0, 1), imageSize } = options;
  const found: TruthfulImage[] = [];
  for await (const batch of dataset.batches([...labelled], {
    ...walk(options),
    shuffle: true,
    masks: 'none',
  })) {
    found.push(...imagesOf(batch, imageSize, false));
    if (found.length >= mostLabelled) break;
  }
  return found;
}

/** The samples of a batch, with what is known of their pixels. */
function imagesOf(
  batch: HostBatch,
  [height, width]: readonly [number, number],
  withTruth: boolean,
): (TruthfulImage & Required<Pick<UnsegmentedImage, 'boxes'>>)[] {
  const classes = batch.labels.length / batch.size;
  const pixels = height * width * 3;
  return Array.from({ length: batch.size }, (_, sample) => {
    const row = batch.labels.subarray(sample * classes, (sample + 1) * classes);
    const labels = [...row.keys()].filter((c) => row[c]! > 0);
    const masks = new Map<number, Region>();
    const boxes: TruthBox[] = [];
    if (withTruth) {
      for (const mask of batch.masks) {
        if (mask.sample === sample) masks.set(mask.class, Uint8Array.from(mask.mask));
      }
      for (const box of batch.boxes) {
        if (box.sample !== sample) continue;
        boxes.push({
          class: box.class,
          left: box.xmin * width,
          top: box.ymin * height,
          right: box.xmax * width,
          bottom: box.ymax * height,
        });
      }
    }
    const truth =
      masks.size > 0
        ? truthOfMasks(masks, labels, height, width)
        : boxes.length > 0
          ? truthOfBoxes(boxes, height, width)
          : truthOfLabels(labels, height, width);
    return {
      id: batch.ids[sample]!,
      pixels: batch.images.slice(sample * pixels, (sample + 1) * pixels),
      labels,
      truth,
      masks,
      boxes,
    };
  });
}

async function fingerprint(
  model: tfl.LayersModel,
  dataset: Dataset,
  options: SegmentationOptions,
): Promise<string> {
  const { signal: _s, onProgress: _p, workers: _w, drawn, ...rest } = options;
  const hash = createHash('sha256');
  const shards = [...new Set([...options.splits, options.masks.split])].map(
    (split) => dataset.info.splits[split],
  );
  hash.update(JSON.stringify([3, rest, shards]));
  if (drawn) hash.update(JSON.stringify([drawn.info.imageSize, drawn.info.fit]));
  for (const { id, classes, irrelevant } of drawn?.masks.values() ?? []) {
    hash.update(id).update(classes);
    if (irrelevant) hash.update(irrelevant);
  }
  for (const weight of model.weights) hash.update(new Uint8Array((await weight.read().data()).buffer));
  return hash.digest('hex').slice(0, 16);
}
