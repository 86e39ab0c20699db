import type * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import type { AttentionMapsOptions, BatchNormMode, Normalization, Pair } from '../../gradcam/index.ts';
import type {
  Link,
  MiningScore,
  PixelReductionOptions,
  SigmoidCrossEntropyOptions,
} from '../../losses/index.ts';
import type { ExtraTerm } from './extra-terms.ts';
import type { HoleFilling } from './hole-filling.ts';
import type { MaskedBatch } from './pair-masks.ts';
import { areIndices, type Labels } from './pairs.ts';

/** Where an image of a batch comes from. */
export interface SampleOrigin {
  /** File and record of the example. */
  readonly id: string;
  /** The part of the image that the sample shows. */
  readonly view: SampleView;
}

/** A part of an image: its window, as shares of the whole, and whether it is mirrored. */
export interface SampleView {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
  readonly flip: boolean;
}

/** One batch, as {@link gainLoss} takes it. */
export interface GainBatch extends MaskedBatch {
  /** I `[B,H,W,c]`, of clips and volumes `[B,T,H,W,c]`; or one tensor per input of the model. */
  readonly images: tf.Tensor | readonly tf.Tensor[];
  readonly labels: Labels;
  /**
   * `[B,C]`, 0 where it is not known whether an image shows a class, else 1; the classification loss leaves those
   * labels out. @default all known
   */
  readonly labelWeights?: tf.Tensor2D | undefined;
  /** The pairs to explain and mine, in place of one per label. */
  readonly pairs?: readonly Pair[] | undefined;
  /** Weight of each of `pairs`. @default 1 / (pairs of the image) */
  readonly pairWeights?: readonly number[] | undefined;
  /** Where each image comes from, for terms that look something up: a teacher's stored answers. */
  readonly origins?: readonly SampleOrigin[] | undefined;
}

/** Factors of the terms of the loss. A term whose factor is exactly 0 is not computed. */
export interface StreamWeights {
  /** L_cl. @default 1 */
  readonly classification?: number | undefined;
  /** α of L_am. @default 1, the paper's */
  readonly mining?: number | undefined;
  /** ω of L_e. @default 10, the paper's */
  readonly supervision?: number | undefined;
}

/**
 * What the attention mining loss reaches:
 * - `all`: the map, and the parameters by way of the second pass. The paper's loss as it is written; the
 *   network may answer it by saying "no" to masked images without moving its attention.
 * - `mask`: the second pass is a fixed judge; L_am acts through the masked image I*, thus the map, alone.
 * - `parameters`: the map is a constant; only the second pass learns. The trivial solution, to be studied.
 */
export type MiningGradient = 'all' | 'mask' | 'parameters';

/** How L_e compares maps with masks. */
export interface SupervisionOptions {
  /** The normalised map, of the masks' range 0..1, or the map as the method gives it. @default 'normalized' */
  readonly map?: 'normalized' | 'raw' | undefined;
  /** `mask`: the map is upsampled to the mask; `map`: the mask is averaged down to the map. @default 'mask' */
  readonly resolution?: 'mask' | 'map' | undefined;
  /** Mean or sum over the pixels of a map. @default 'mean' */
  readonly pixels?: PixelReductionOptions['pixels'];
  /**
   * Mean over the images that have masks, or over the whole batch: then an image without mask counts as one
   * that is right, and the term is as rare as the masks are (the paper's batch of one). @default 'masked'
   */
  readonly images?: 'masked' | 'batch' | undefined;
}

export interface GainLossOptions {
  /** Explanation method of the map. @default 'grad-cam', the paper's */
  readonly method?: AttentionMapsOptions['method'];
  /** Path of the layer whose map is trained; `auto` is the last with spatial extent. @default 'auto' */
  readonly targetLayer?: string | undefined;
  /**
   * How logits become probabilities, in L_cl and in L_am alike. By default what the form of the labels says:
   * `softmax` for class indices (`[B]`, `number[]`), `sigmoid` for label sets (`[B,C]`, `number[][]`). One-hot
   * labels of exclusive classes need `softmax` said.
   */
  readonly link?: Link | undefined;
  readonly weights?: StreamWeights | undefined;
  /** Terms beside GAIN's own. @default none */
  readonly terms?: readonly ExtraTerm[] | undefined;
  /** Label smoothing, class weights and positive weights of L_cl. */
  readonly classification?: SigmoidCrossEntropyOptions | undefined;
  /** Whether gradients flow through the map's channel weights (second order). @default true */
  readonly differentiateWeights?: boolean | undefined;
  /** @default 'all' */
  readonly miningGradient?: MiningGradient | undefined;
  /** What is mined of a masked image: the probability of its class, or the logit. @default 'probability' */
  readonly miningScore?: MiningScore | undefined;
  /** A map and a masked image for every label, or for one label per image, drawn with `seed`. @default 'all' */
  readonly classesToMine?: 'all' | 'random' | undefined;
  /** Of each map by itself, after upsampling. @default 'min-max' */
  readonly normalization?: Normalization | undefined;
  /** σ and ω of T(A) = 1 / (1 + exp(−ω(A − σ))), Eq 4. @default { sigma: 0.5, omega: 10 } */
  readonly softMask?:
    | { readonly sigma?: number | undefined; readonly omega?: number | undefined }
    | undefined;
  /** What stands in the hole. @default 'zero', the paper's */
  readonly fill?: HoleFilling | undefined;
  readonly supervision?: SupervisionOptions | undefined;
  /** Training behaviour of dropout and batch norm. @default true */
  readonly training?: boolean | undefined;
  /**
   * Batch norm of the pass over masked images, in training. `batch` normalises by the masked images' own
   * statistics, so that the second pass is the function that the first one is and its gradient the whole one;
   * `inference` uses the moving averages, which lag behind the weights (and at the start of a training from
   * scratch make another network); neither moves the averages, `update` does. With `batch`, padded pairs are
   * part of the statistics.
   * @default 'batch'
   */
  readonly secondPassBatchNorm?: BatchNormMode | undefined;
  /** Pairs are padded to this number, so that shapes stay the same from batch to batch. @default no padding */
  readonly pairCapacity?: number | undefined;
  /** Fixed number of inner backward passes, see `attentionMaps`. @default as many as the pairs need */
  readonly groups?: number | undefined;
  /** Which of several inputs is the image that is masked. @default 0 */
  readonly imageInput?: number | undefined;
  /** Index or name of the output with the scores. @default 0 */
  readonly output?: number | string | undefined;
  /** Of drawn classes and of noise in holes. @default 0 */
  readonly seed?: number | undefined;
  /** Makes dropout repeatable. @default drawn as tfjs does */
  readonly dropoutSeed?: number | undefined;
}

/** Options with every default filled in. */
export type Settings = ReturnType<typeof resolveOptions>;

/**
 * Above this, the slope of the soft mask spans less than a hundredth of a normalised map's range: few pixels
 * lie on it, soon none, and the mask is a step that passes no gradient to the map (numerics, trap 5).
 */
const steepestOmega = 500;

/**
 * Fills in the defaults and checks the values.
 *
 * @throws {UsageError} naming the option, the rule and the value
 */
export function resolveOptions(options: GainLossOptions, batch: GainBatch) {
  const { classification = 1, mining = 1, supervision = 10 } = options.weights ?? {};
  const weights = { classification, mining, supervision };
  for (const [name, weight] of Object.entries(weights)) {
    if (!(weight >= 0 && weight < Infinity)) {
      throw new UsageError(`weights.${name}: must be a finite number that is not negative, was ${weight}`);
    }
  }
  const terms = options.terms ?? [];
  for (const { name, weight } of terms) {
    if (name in weights || name === 'total' || terms.filter((term) => term.name === name).length > 1) {
      throw new UsageError(`terms: each must have a name of its own, "${name}" is taken`);
    }
    if (!Number.isFinite(weight)) {
      throw new UsageError(`terms.${name}: its weight must be a finite number, was ${weight}`);
    }
  }
  if (classification + mining + supervision === 0 && terms.every(({ weight }) => weight === 0)) {
    throw new UsageError('weights: at least one term must weigh more than 0');
  }
  const { sigma = 0.5, omega = 10 } = options.softMask ?? {};
  if (!Number.isFinite(sigma)) throw new UsageError(`softMask.sigma: must be a finite number, was ${sigma}`);
  if (!(omega > 0 && omega <= steepestOmega)) {
    throw new UsageError(
      `softMask.omega: must be above 0 and at most ${steepestOmega} (a steeper mask is a step without ` +
        `gradient), was ${omega}`,
    );
  }
  const { pairCapacity, training = true } = options;
  if (pairCapacity !== undefined && !(Number.isInteger(pairCapacity) && pairCapacity > 0)) {
    throw new UsageError(`pairCapacity: must be a whole number above 0, was ${pairCapacity}`);
  }
  return {
    maps: {
      method: options.method ?? 'grad-cam',
      targetLayer: options.targetLayer ?? 'auto',
      ...(options.groups !== undefined && { groups: options.groups }),
    },
    output: options.output ?? 0,
    link: oneOf('link', options.link ?? (areIndices(batch.labels) ? 'softmax' : 'sigmoid'), [
      'softmax',
      'sigmoid',
    ]),
    weights,
    terms,
    classification: options.classification ?? {},
    differentiateWeights: options.differentiateWeights ?? true,
    miningGradient: oneOf('miningGradient', options.miningGradient ?? 'all', ['all', 'mask', 'parameters']),
    miningScore: oneOf('miningScore', options.miningScore ?? 'probability', ['probability', 'logit']),
    classesToMine: oneOf('classesToMine', options.classesToMine ?? 'all', ['all', 'random']),
    normalization: options.normalization ?? 'min-max',
    softMask: { sigma, omega },
    fill: options.fill ?? 'zero',
    supervision: {
      map: oneOf('supervision.map', options.supervision?.map ?? 'normalized', ['normalized', 'raw']),
      resolution: oneOf('supervision.resolution', options.supervision?.resolution ?? 'mask', ['mask', 'map']),
      pixels: oneOf('supervision.pixels', options.supervision?.pixels ?? 'mean', ['mean', 'sum']),
      images: oneOf('supervision.images', options.supervision?.images ?? 'masked', ['masked', 'batch']),
    },
    training,
    secondPassBatchNorm: training
      ? oneOf('secondPassBatchNorm', options.secondPassBatchNorm ?? 'batch', ['batch', 'inference', 'update'])
      : 'inference',
    pairCapacity,
    imageInput: options.imageInput ?? 0,
    seed: options.seed ?? 0,
    dropoutSeed: options.dropoutSeed,
  } as const;
}

function oneOf<T extends string>(name: string, value: T, choices: readonly T[]): T {
  if (!choices.includes(value)) {
    throw new UsageError(`${name}: must be ${choices.join(' or ')}, was ${JSON.stringify(value)}`);
  }
  return value;
}
