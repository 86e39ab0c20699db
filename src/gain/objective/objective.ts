import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { withoutGradient } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import {
  attentionMaps,
  deadMaps,
  forward,
  normalizeMaps,
  type Pair,
  softMask,
  upsampleMaps,
} from '../../gradcam/index.ts';
import { sigmoidCrossEntropy, softmaxCrossEntropy } from '../../losses/index.ts';
import type { StepContext } from './extra-terms.ts';
import { maskImages, miningLoss } from './mining-stream.ts';
import type { GainBatch, GainLossOptions } from './options.ts';
import { multiHot } from './pairs.ts';
import { planStep, type StepPlan } from './plan.ts';
import { supervisionLoss } from './supervision-stream.ts';

/**
 * The loss of a batch, its terms, and what they were made of. Tensors are the caller's to dispose. Of clips and volumes, maps
 * are `[P,t,h,w]` (M: `tf.Tensor4D`) and images `[P,T,H,W,c]` (I: `tf.Tensor5D`).
 */
export interface GainLoss<M extends tf.Tensor = tf.Tensor3D, I extends tf.Tensor = tf.Tensor4D> {
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
  readonly maps?: M;
  /** `[P,H,W]`: the maps at the size of the image, normalised. With `mining` only. */
  readonly attention?: M;
  /** T(A) `[P,H,W]`. With `mining` only. */
  readonly softMasks?: M;
  /** I* `[P,H,W,c]`. With `mining` only. */
  readonly maskedImages?: I;
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
 * B images, P (image, class) pairs, C classes, maps h×w, images H×W; of clips and volumes maps t×h×w, clips T×H×W, and masks
 * for every frame. Differentiable: call it inside
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
 * @throws {UsageError} when the batch or an option breaks a rule; ModelError when there is no such layer
 * @see Li et al., "Tell Me Where to Look: Guided Attention Inference Network", CVPR 2018, arXiv 1802.10171
 */
export function gainLoss<M extends tf.Tensor = tf.Tensor3D, I extends tf.Tensor = tf.Tensor4D>(
  model: tfl.LayersModel,
  batch: GainBatch,
  options: GainLossOptions = {},
): GainLoss<M, I> {
  const plan = planStep(batch, options);
  return tf.tidy(() => lossOf(model, plan) as unknown as tf.TensorContainer) as unknown as GainLoss<M, I>;
}

function lossOf(model: tfl.LayersModel, plan: StepPlan): GainLoss<tf.Tensor, tf.Tensor> {
  // A = f(I), s = head(A), M = ReLU(Σ_k w_k A_k)                                                           (Eq 1, 2)
  const { logits, maps } = firstPass(model, plan);
  const labels = multiHot(plan.batch.labels, plan.classes, logits.shape[1]);
  const dead = maps && deadMaps(maps);

  // T(M) at the size of the image, I* = I − T(M) ⊙ I                                                       (Eq 3, 4)
  const masking = maps && plan.mines ? mask(maps, plan) : undefined;

  // What has no pair or no mask is 0, but attached to the weights, so that its gradient is 0 and not an error.
  const nothing = () => tf.mul<tf.Scalar>(tf.sum(logits), 0);
  const own = {
    // L_cl
    ...(plan.classifies && { classification: classificationLoss(logits, labels, plan) }),
    // L_am: what the network still says of the class without what its map points at                          (Eq 5)
    ...(plan.mines && {
      mining: masking ? miningLoss(model, masking.maskedImages, tf.sub(1, dead!), plan) : nothing(),
    }),
    // L_e: maps against masks                                                                                (Eq 7)
    ...(plan.supervises && {
      supervision: (maps && supervisionLoss(maps, masking?.attention, plan)) ?? nothing(),
    }),
  };
  const step = contextOf(model, logits, labels, plan);
  const terms = Object.fromEntries(plan.terms.map(({ name, loss }) => [name, loss(step)]));
  return {
    // λ L_cl + α L_am + ω L_e + …                                                                         (Eq 6, 8)
    total: weightedSum({ ...own, ...terms }, plan),
    ...own,
    terms,
    logits,
    ...(maps && { maps, deadShare: deadShare(dead!, plan) }),
    ...masking,
    pairs: plan.list.pairs,
    pairWeights: plan.list.weights,
  };
}

/** Logits, and the maps of the pairs where something asks for them. */
function firstPass(model: tfl.LayersModel, plan: StepPlan): { logits: tf.Tensor2D; maps?: tf.Tensor } {
  const { inputs, list, pass } = plan;
  if (!plan.explains) return { logits: forward(model, inputs, pass) };
  const options = { ...plan.maps, ...pass, differentiateWeights: plan.learnsWeights };
  return attentionMaps<tf.Tensor>(model, inputs, list.pairs, options);
}

/** The maps at the image, each normalised by itself, the soft masks of them, and the masked images. */
function mask(maps: tf.Tensor, plan: StepPlan) {
  const attention = normalizeMaps(upsampleMaps(maps, plan.size), plan.normalization);
  const visible = plan.miningGradient === 'parameters' ? withoutGradient(() => attention) : attention;
  const softMasks = softMask(visible, plan.softMask);
  return { attention, softMasks, maskedImages: maskImages(plan.images, softMasks, plan.list, plan) };
}

/** L_cl over the labels that are known; a class whose label is not has no share of the softmax either. */
function classificationLoss(
  logits: tf.Tensor2D,
  labels: tf.Tensor2D,
  { batch, link, classification }: StepPlan,
): tf.Scalar {
  const known = batch.labelWeights;
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

/** Share of the real pairs whose map is dead. */
function deadShare(dead: tf.Tensor1D, { list }: StepPlan): tf.Scalar {
  const real = list.weights.map((weight) => Number(weight > 0));
  const count = Math.max(1, real.filter(Boolean).length);
  return tf.div(tf.sum(tf.mul(dead, tf.tensor1d(real))), count);
}

function contextOf(
  model: tfl.LayersModel,
  logits: tf.Tensor2D,
  labels: tf.Tensor2D,
  { inputs, batch, classes, list, link, seed, imageInput, pass }: StepPlan,
): StepContext {
  return {
    model,
    inputs,
    batch,
    labels: classes,
    multiHot: labels,
    logits,
    pairs: list.pairs,
    pairWeights: list.weights,
    link,
    seed,
    imageInput,
    // The first pass once more: the batch's own statistics, but the moving averages have moved already.
    pass: { ...pass, batchNorm: pass.training ? 'batch' : 'inference' },
  };
}

function weightedSum(losses: Readonly<Record<string, tf.Scalar>>, { weights, terms }: StepPlan): tf.Scalar {
  const factors: Readonly<Record<string, number>> = {
    ...weights,
    ...Object.fromEntries(terms.map(({ name, weight }) => [name, weight])),
  };
  const weighted = Object.entries(losses).map(([name, loss]) => tf.mul(loss, factors[name]!));
  return tf.addN(weighted) as tf.Scalar;
}
