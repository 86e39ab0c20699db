import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { downsampleArea, upsampleBilinear, withoutGradient } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import {
  attentionMaps,
  deadMaps,
  type ForwardOptions,
  forward,
  normalizeMaps,
  type Pair,
  softMask,
} from '../../gradcam/index.ts';
import { attentionSupervision, sigmoidCrossEntropy, softmaxCrossEntropy } from '../../losses/index.ts';
import type { StepContext } from './extra-terms.ts';
import { maskImages, miningLoss } from './mining-stream.ts';
import { type GainBatch, type GainLossOptions, resolveOptions, type Settings } from './options.ts';
import { masksOfPairs, type PairMasks, whatMatters } from './pair-masks.ts';
import { allPairs, classesPerImage, multiHot, type PairList, randomPairs, weightedPairs } from './pairs.ts';

/** The loss of a batch, its terms, and what they were made of. Tensors are the caller's to dispose. */
export interface GainLoss {
  /** Σ of the weighted terms; what to minimise. */
  readonly total: tf.Scalar;
  /** L_cl, before its weight. This and every term is absent when its weight is 0. */
  readonly classification?: tf.Scalar;
  /** L_am, before its weight. */
  readonly mining?: tf.Scalar;
  /** L_e, before its weight. */
  readonly supervision?: tf.Scalar;
  /** The terms of `options.terms` that were computed, by name, before their weights. */
  readonly terms: Readonly<Record<string, tf.Scalar>>;
  /** `[B,C]` of the unmasked images. */
  readonly logits: tf.Tensor2D;
  /** A `[P,h,w]` as the method gives them; absent when no term needs maps, or no image has a label. */
  readonly maps?: tf.Tensor3D;
  /** `[P,H,W]`: the maps at the size of the image, normalised. With `mining` only. */
  readonly attention?: tf.Tensor3D;
  /** T(A) `[P,H,W]`. With `mining` only. */
  readonly softMasks?: tf.Tensor3D;
  /** I* `[P,H,W,c]`. With `mining` only. */
  readonly maskedImages?: tf.Tensor4D;
  /** Share of the pairs whose map is constant, so that it can neither mask nor be trained. With `maps` only. */
  readonly deadShare?: tf.Scalar;
  /** The P pairs, padding included. */
  readonly pairs: readonly Pair[];
  /** P weights, 0 for padding. */
  readonly pairWeights: readonly number[];
}

/**
 * The loss of Guided Attention Inference: classification, attention mining and attention supervision.
 *
 *     L = λ L_cl + α L_am + ω L_e     (Eq 6 and 8; λ = 1, α = 1, ω = 10)
 *     I*_p = I_b − T(A_p) ⊙ I_b       (Eq 3, 4)   one masked image per ground-truth class
 *
 * B images, P (image, class) pairs, C classes, maps h×w, images H×W. Differentiable: call it inside
 * `tf.variableGrads`. The maps stay attached to the graph, their channel weights included.
 *
 * ```ts
 * const { value, grads } = tf.variableGrads(() => gainLoss(model, { images, labels }).total);
 * ```
 *
 * Where the paper is silent: maps are upsampled to the image, then normalised one by one; L_am is the mean
 * over the images that have labels; L_e is a mean over pixels and over the images that have masks. A pair
 * whose map is dead (constant) adds 0 to L_am and has no gradient in either term.
 *
 * @param model any layers-model with scores `[B,C]`; a final softmax or sigmoid is left out
 * @param batch images, labels, and masks or boxes for any subset of the images
 * @returns the total, its terms, and the maps
 * @throws UsageError when the batch or an option breaks a rule; ModelError when there is no such layer
 * @see Li et al., "Tell Me Where to Look: Guided Attention Inference Network", CVPR 2018, arXiv 1802.10171
 */
export function gainLoss(model: tfl.LayersModel, batch: GainBatch, options: GainLossOptions = {}): GainLoss {
  const settings = resolveOptions(options, batch);
  return tf.tidy(
    () => streams(model, batch, settings) as unknown as tf.TensorContainer,
  ) as unknown as GainLoss;
}

function streams(model: tfl.LayersModel, batch: GainBatch, settings: Settings): GainLoss {
  const { weights, training, dropoutSeed, output } = settings;
  const inputs = batch.images instanceof tf.Tensor ? [batch.images] : [...batch.images];
  const images = imagesOf(inputs, settings.imageInput);
  const classes = classesPerImage(batch.labels);
  if (classes.length !== images.shape[0]) {
    throw new UsageError(
      `batch.labels: must be one row per image (${images.shape[0]}), were ${classes.length}`,
    );
  }

  const active = settings.terms.filter((term) => term.weight !== 0);
  const minesOrSupervises = weights.mining > 0 || weights.supervision > 0;
  const list = minesOrSupervises || active.length > 0 ? pairsOf(batch, classes, settings) : weightedPairs([]);
  const pass = { output, training, dropoutSeed };
  const learnsMap =
    weights.supervision > 0 || (weights.mining > 0 && settings.miningGradient !== 'parameters');
  const first: { logits: tf.Tensor2D; maps?: tf.Tensor3D } =
    !minesOrSupervises || list.pairs.length === 0
      ? { logits: forward(model, inputs, pass) }
      : attentionMaps(model, inputs, list.pairs, {
          ...settings.maps,
          ...pass,
          differentiateWeights: settings.differentiateWeights && learnsMap,
        });
  const { logits, maps } = first;

  const hot = multiHot(batch.labels, classes, logits.shape[1]);
  // What has no pair or no mask is 0, but attached to the weights, so that its gradient is 0 and not an error.
  const nothing = () => tf.mul<tf.Scalar>(tf.sum(logits), 0);
  const terms = {
    ...(weights.classification > 0 && {
      classification: classificationLoss(logits, hot, batch.labelWeights, settings),
    }),
    ...(weights.mining > 0 && { mining: nothing() }),
    ...(weights.supervision > 0 && { supervision: nothing() }),
    ...(maps && attentionTerms(model, batch, inputs, images, maps, list, settings)),
  };
  const step: StepContext = {
    model,
    inputs,
    batch,
    labels: classes,
    multiHot: hot,
    logits,
    pairs: list.pairs,
    pairWeights: list.weights,
    link: settings.link,
    seed: settings.seed,
    imageInput: settings.imageInput,
    pass: repeated(pass),
  };
  const extra = Object.fromEntries(active.map((term) => [term.name, term.loss(step)]));
  const weighted = [
    ...(['classification', 'mining', 'supervision'] as const).flatMap((name) =>
      terms[name] === undefined ? [] : [tf.mul(terms[name], weights[name])],
    ),
    ...active.map((term) => tf.mul(extra[term.name]!, term.weight)),
  ];
  return {
    total: tf.addN(weighted) as tf.Scalar,
    ...terms,
    terms: extra,
    logits,
    ...(maps && { maps }),
    pairs: list.pairs,
    pairWeights: list.weights,
  };
}

/** The first pass once more: the batch's own statistics, but the moving averages have moved already. */
function repeated(pass: ForwardOptions): ForwardOptions {
  return { ...pass, batchNorm: pass.training ? 'batch' : 'inference' };
}

type AttentionTerms = Pick<
  GainLoss,
  'mining' | 'supervision' | 'attention' | 'softMasks' | 'maskedImages' | 'deadShare'
>;

/** L_am and L_e, which share the maps. */
function attentionTerms(
  model: tfl.LayersModel,
  batch: GainBatch,
  inputs: readonly tf.Tensor[],
  images: tf.Tensor4D,
  maps: tf.Tensor3D,
  list: PairList,
  settings: Settings,
): AttentionTerms {
  const { weights, normalization, miningGradient } = settings;
  const [, height, width] = images.shape;
  const isReal = (p: number) => list.weights[p]! > 0;
  const dead = deadMaps(maps);
  const real = list.weights.map((weight) => Number(weight > 0));
  const count = Math.max(1, real.filter(Boolean).length);
  const terms: { -readonly [Name in keyof AttentionTerms]: AttentionTerms[Name] } = {
    deadShare: tf.div(tf.sum(tf.mul(dead, tf.tensor1d(real))), count),
  };
  const masks =
    weights.supervision > 0
      ? masksOfPairs(batch, list.pairs, isReal, images.shape[0], [height, width])
      : undefined;
  const atSize = (size: [number, number]) => normalizeMaps(upsampleBilinear(maps, size), normalization);

  if (weights.mining > 0) {
    const attention = atSize([height, width]);
    const visible = miningGradient === 'parameters' ? withoutGradient(() => attention) : attention;
    const softMasks = softMask(visible, settings.softMask);
    const maskedImages = maskImages(images, softMasks, list, settings);
    const mining = miningLoss(model, inputs, maskedImages, list, tf.sub(1, dead), settings);
    Object.assign(terms, { attention, softMasks, maskedImages, mining });
  }
  if (masks !== undefined) {
    const relevant = { ...masks, masks: whatMatters(masks.masks, batch) };
    terms.supervision = supervisionLoss(maps, relevant, images.shape[0], settings, (size) =>
      terms.attention && size[0] === height && size[1] === width ? terms.attention : atSize(size),
    );
  }
  return terms;
}

/** L_e (Eq 7) at the size of the masks or of the maps. */
function supervisionLoss(
  maps: tf.Tensor3D,
  { masks, weights }: PairMasks,
  batchSize: number,
  { supervision, normalization }: Settings,
  normalizedAtSize: (size: [number, number]) => tf.Tensor3D,
): tf.Scalar {
  const raw = supervision.map === 'raw';
  const options = {
    pixels: supervision.pixels,
    weights: tf.tensor1d([...weights]),
    total: supervision.images === 'batch' ? batchSize : undefined,
  };
  const [, h, width] = maps.shape;
  if (supervision.resolution === 'map') {
    const shown = raw ? maps : normalizeMaps(maps, normalization);
    return attentionSupervision(shown, downsampleArea(masks, [h, width]), options);
  }
  const size: [number, number] = [masks.shape[1], masks.shape[2]];
  return attentionSupervision(raw ? upsampleBilinear(maps, size) : normalizedAtSize(size), masks, options);
}

/** L_cl. A class that is not known to be there or not is no competitor in the softmax of its image either. */
function classificationLoss(
  logits: tf.Tensor2D,
  labels: tf.Tensor2D,
  known: tf.Tensor2D | undefined,
  { link, classification }: Settings,
): tf.Scalar {
  if (known && !tf.util.arraysEqual(known.shape, logits.shape)) {
    throw new UsageError(`batch.labelWeights: must have shape [${logits.shape}], had [${known.shape}]`);
  }
  const options = { ...classification, ...(known && { weights: known }) };
  if (link === 'sigmoid') return sigmoidCrossEntropy(logits, labels, options);
  if (!known) return softmaxCrossEntropy(logits, labels, options);
  const open = tf.sub(logits, tf.mul(tf.sub(1, known), unlikely)) as tf.Tensor2D;
  return softmaxCrossEntropy(open, tf.mul(labels, known), options);
}

/** Taken from the logit of a class that is to have no share of the softmax. */
const unlikely = 1e6;

function pairsOf(batch: GainBatch, classes: readonly (readonly number[])[], settings: Settings): PairList {
  const { classesToMine, seed, pairCapacity } = settings;
  const pairs = batch.pairs ?? (classesToMine === 'random' ? randomPairs(classes, seed) : allPairs(classes));
  return weightedPairs(pairs, batch.pairWeights, pairCapacity);
}

function imagesOf(inputs: readonly tf.Tensor[], imageInput: number): tf.Tensor4D {
  const images = inputs[imageInput];
  if (images === undefined) {
    throw new UsageError(
      `imageInput: must be below the number of inputs (${inputs.length}), was ${imageInput}`,
    );
  }
  if (images.rank !== 4) {
    throw new UsageError(`batch.images: must have shape [B,H,W,c], had [${images.shape}]`);
  }
  return images as tf.Tensor4D;
}
