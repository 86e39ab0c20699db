import {
  areaOf,
  type Dataset,
  type Fit,
  type HostBatch,
  MOST_MASKED_CLASSES,
  type PredictedMasks,
  type Region,
} from '../data/index.ts';
import { UsageError } from '../errors/index.ts';
import { Bootstrap, rasterizeBox } from '../metrics/index.ts';
import { type AnsweredComposite, answerComposites, type CompositeAnswers } from './composite-answers.ts';
import { type AuditedImage, type Evidence, evidenceOf } from './evidence.ts';
import { type FeatureLink, linkFeatures } from './ground-features.ts';
import { answerRealImages, type RealAnswers, type TellingImage } from './real-answers.ts';
import type { Scorer } from './scorer.ts';
import { type Verdict, verdictOf } from './verdict.ts';

/** What the objects of the audited split are known by. */
export type KnownMasks = 'true' | 'predicted' | 'boxes' | 'none';

export interface AuditOptions {
  readonly split: string;
  readonly imageSize: readonly [number, number];
  readonly fit: Fit;
  readonly targetLayer: string;
  /** Classes to look at. @default all */
  readonly classes?: readonly number[] | undefined;
  readonly masks: KnownMasks;
  /** With `masks: 'predicted'`. */
  readonly predicted?: PredictedMasks | undefined;
  /** Composites of each cell of ground × object. @default 100 */
  readonly perCell?: number;
  /** Images of the split that are read, the first. @default 500 */
  readonly limit?: number;
  /** Replicates of the intervals. @default 1000 */
  readonly replicates?: number;
  readonly seed?: number;
  readonly workers?: number;
  readonly signal?: AbortSignal | undefined;
  readonly onClass?: ((name: string, done: number, total: number) => void) | undefined;
}

/** What an audit found of one class. Shares are in [0, 1]. */
export interface ClassAudit {
  readonly class: string;
  readonly verdict: Verdict;
  readonly evidence: Evidence;
  /** null without masks. */
  readonly real: RealAnswers | null;
  /** null where there is no mask to cut along, or no image without the class. */
  readonly composites: CompositeAnswers | null;
  /** Features of the surroundings, those that tell the answer best first. */
  readonly features: readonly FeatureLink[];
  /** Images whose answer the object does not decide, by their ids, those that tell most first. */
  readonly telling: readonly {
    readonly id: string;
    readonly change: string;
    readonly before: number;
    readonly after: number;
  }[];
}

export interface Audit {
  readonly split: string;
  readonly images: number;
  readonly masks: KnownMasks;
  readonly seed: number;
  readonly perCell: number;
  readonly classes: readonly ClassAudit[];
}

/** What the pictures of an audit are drawn from. */
export interface AuditPictures {
  readonly class: string;
  readonly telling: readonly TellingImage[];
  readonly composites: readonly AnsweredComposite[];
}

/**
 * Looks whether a classifier's answers follow the object or what surrounds it, without a data set in which the two
 * come apart: it makes the pictures in which they do.
 *
 * @throws {UsageError} for a class or kind of mask that is not there
 * @throws {DataError} of an example that cannot be read
 */
export async function auditClassifier(
  scorer: Scorer,
  dataset: Dataset,
  options: AuditOptions,
): Promise<{ audit: Audit; pictures: AuditPictures[] }> {
  const { split, imageSize, fit, targetLayer, masks, predicted, perCell = 100, seed = 1, signal } = options;
  const chosen = options.classes ?? dataset.classes.map((_, c) => c);
  const images = await auditedImages(dataset, options);
  if (images.length === 0) throw new UsageError(`${dataset.dir}: split ${split} has no image`);
  const bootstrap = new Bootstrap({ replicates: options.replicates ?? 1000, seed });
  const alongBoxes = masks === 'boxes' ? boxesAsMasks(images, dataset.classes, imageSize, fit) : undefined;
  const classes: ClassAudit[] = [];
  const pictures: AuditPictures[] = [];
  for (const [done, c] of chosen.entries()) {
    signal?.throwIfAborted();
    const name = dataset.classes[c]!;
    options.onClass?.(name, done, chosen.length);
    const evidence = evidenceOf(scorer, images, c, targetLayer);
    const known = images.some(({ regions }) => regions.has(c));
    const real = known ? answerRealImages(scorer, images, c, seed) : undefined;
    const cuttable = known && images.some(({ labels }) => !labels.includes(c));
    const question = {
      split,
      imageSize,
      fit,
      perCell,
      seed,
      predicted: masks === 'predicted' ? predicted : alongBoxes,
      signal,
    };
    const answered = cuttable ? await answerComposites(scorer, dataset, c, question, bootstrap) : undefined;
    // Where all masks are too small to be cut along, no composite shows the class: nothing comes apart.
    const asked = answered?.answers.cells.every(({ composites }) => composites > 0) ? answered : undefined;
    const features = asked
      ? linkFeatures(
          asked.composites.map(({ picture, object, yes, others }) => ({
            pixels: picture,
            object,
            yes,
            others: others.map((k) => dataset.classes[k]!),
          })),
          imageSize,
        )
      : linkFeatures(realPictures(scorer, images, c, dataset.classes), imageSize);
    classes.push({
      class: name,
      verdict: verdictOf(name, asked?.answers, features, masks),
      evidence,
      real: real?.answers ?? null,
      composites: asked?.answers ?? null,
      features,
      telling: (real?.telling ?? [])
        .slice(0, 16)
        .map(({ id, change, before, after }) => ({ id, change, before, after })),
    });
    pictures.push({
      class: name,
      telling: real?.telling.slice(0, 8) ?? [],
      composites: asked?.composites ?? [],
    });
  }
  return { audit: { split, images: images.length, masks, seed, perCell, classes }, pictures };
}

/**
 * Boxes in place of masks. A box takes some of its ground along when it is pasted, so that the object is not quite taken
 * apart from it: what a network gets wrong is understated.
 */
function boxesAsMasks(
  images: readonly AuditedImage[],
  classes: readonly string[],
  imageSize: readonly [number, number],
  fit: Fit,
): PredictedMasks | undefined {
  if (classes.length > MOST_MASKED_CLASSES) return undefined;
  const masks = images.map(({ id, regions }) => {
    const shown = new Uint8Array(imageSize[0] * imageSize[1]);
    // The smaller of two boxes that overlap lies before the larger.
    const bySize = [...regions].sort(([, a], [, b]) => areaOf(b) - areaOf(a));
    for (const [c, region] of bySize) {
      for (let p = 0; p < shown.length; p++) if (region[p]) shown[p] = c + 1;
    }
    const present = [...regions.keys()].filter((c) => shown.includes(c + 1));
    return { id, classes: shown, confidence: new Map(present.map((c) => [c, 1])) };
  });
  const info = {
    imageSize,
    fit,
    classes,
    learnedFrom: 0,
    iou: classes.map(() => null),
    segmenter: { boxes: true },
  };
  return { info, masks: new Map(masks.map((mask) => [mask.id, mask])) };
}

/** Without composites: the real images, whose features and labels are as entangled as the data. */
function realPictures(scorer: Scorer, images: readonly AuditedImage[], c: number, names: readonly string[]) {
  const rows = scorer.logits(images.map(({ pixels }) => pixels));
  return images.map(({ pixels, regions, labels }, i) => ({
    pixels,
    object: regions.get(c),
    yes: scorer.says(rows[i]!, c),
    others: labels.filter((k) => k !== c).map((k) => names[k]!),
  }));
}

async function auditedImages(dataset: Dataset, options: AuditOptions): Promise<AuditedImage[]> {
  const { split, imageSize, fit, limit = 500, masks, predicted, workers = 1 } = options;
  const images: AuditedImage[] = [];
  const batches = dataset.batches(split, {
    batchSize: 50,
    imageSize,
    fit,
    workers,
    masks: masks === 'predicted' || masks === 'none' ? 'none' : 'all',
    ...(masks === 'predicted' && predicted && { predicted, predictedSupervise: true }),
  });
  for await (const batch of batches) {
    options.signal?.throwIfAborted();
    for (let sample = 0; sample < batch.size && images.length < limit; sample++) {
      images.push(imageOf(batch, sample, imageSize, masks));
    }
    if (images.length >= limit) break;
  }
  return images;
}

function imageOf(
  batch: HostBatch,
  sample: number,
  [height, width]: readonly [number, number],
  masks: KnownMasks,
): AuditedImage {
  const classes = batch.labels.length / batch.size;
  const row = batch.labels.subarray(sample * classes, (sample + 1) * classes);
  const size = height * width * 3;
  const regions = new Map<number, Region>();
  if (masks === 'boxes') {
    for (const box of batch.boxes) {
      if (box.sample !== sample) continue;
      const inside = Float32Array.from(regions.get(box.class) ?? new Uint8Array(height * width));
      rasterizeBox(box, height, width, inside);
      regions.set(box.class, Uint8Array.from(inside));
    }
  } else if (masks !== 'none') {
    for (const mask of batch.masks) {
      if (mask.sample === sample) regions.set(mask.class, Uint8Array.from(mask.mask));
    }
  }
  return {
    id: batch.ids[sample]!,
    pixels: batch.images.slice(sample * size, (sample + 1) * size),
    labels: [...row.keys()].filter((c) => row[c]! > 0.5),
    regions,
  };
}
