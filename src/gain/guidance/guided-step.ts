import * as tf from '@tensorflow/tfjs-core';
import { downsampleArea, upsampleBilinear } from '../../autodiff/index.ts';
import { attentionMaps, inputGradients, type MapMethod, type Pair } from '../../gradcam/index.ts';
import { logProbabilitySums, toGrid } from '../../losses/index.ts';
import {
  type ImageRegions,
  imageSizeOf,
  masksOfStep,
  type PairMasks,
  regionsOfImages,
  type StepContext,
  whatMatters,
} from '../objective/index.ts';

/** How the maps are made that the terms judge. */
export interface GuidedMaps {
  /** @default 'grad-cam' */
  readonly method?: MapMethod | undefined;
  /** @default 'auto' */
  readonly targetLayer?: string | undefined;
  /** Whether the loss also reaches the network through the map's weights (second order). @default true */
  readonly differentiateWeights?: boolean | undefined;
  /** Clip the maps at 0. The XIL benchmark does not, and has min-max take the negative values up. @default true */
  readonly relu?: boolean | undefined;
  /** `mask`: maps are upsampled to the masks; `map`: masks are averaged down to the maps. @default 'mask' */
  readonly resolution?: 'mask' | 'map' | undefined;
}

/** Maps of a step, and on the same grid what matters for each of them. */
export interface GuidedPairs {
  /** `[P,h,w]`, not normalised. */
  readonly maps: tf.Tensor3D;
  /** `[P,h,w]`, 0..1. */
  readonly relevant: tf.Tensor3D;
  /** `[P]`, 0 without mask; those of an image sum to 1. */
  readonly weights: tf.Tensor1D;
}

/** What must not matter of each image. */
export interface IrrelevantRegions {
  /** `[B,H,W]`, 0..1. */
  readonly irrelevant: tf.Tensor3D;
  /** `[B]`, 0 without mask. */
  readonly weights: tf.Tensor1D;
}

/** The (image, class) pairs that have masks, and what matters of each at the size of its image. */
export interface MaskedObjects {
  readonly pairs: readonly Pair[];
  /** H `[P,H,W]`, 0..1. */
  readonly relevant: tf.Tensor3D;
  /** `[P]`, 0 for padding; those of an image sum to 1. */
  readonly weights: tf.Tensor1D;
}

/** Masked pairs are padded to a multiple of this, so that shapes repeat. */
const multiple = 4;

/** What the terms of a step share, each made once: its masks, its maps, its input gradients. */
export class GuidedStep {
  /** Of the step's pairs; undefined where nothing is masked, and so nothing has to be computed. */
  readonly masks: PairMasks | undefined;
  readonly #step: StepContext;
  readonly #options: GuidedMaps;
  readonly #size: [number, number];
  #pairs: GuidedPairs | undefined;
  #irrelevant: IrrelevantRegions | undefined;
  #objects: MaskedObjects | undefined;
  #gradients: tf.Tensor4D | undefined;

  constructor(step: StepContext, options: GuidedMaps) {
    this.#step = step;
    this.#options = options;
    this.#size = imageSizeOf(step);
    this.masks = masksOfStep(step);
  }

  /** @returns undefined for a batch without masks */
  pairs(): GuidedPairs | undefined {
    if (!this.masks) return undefined;
    this.#pairs ??= this.#explain(this.masks);
    return this.#pairs;
  }

  /**
   * What must not matter, for what knows no classes: the masks of an image are united.
   *
   * @returns undefined for a batch without masks
   */
  irrelevant(): IrrelevantRegions | undefined {
    if (!this.masks) return undefined;
    this.#irrelevant ??= this.#invert(regionsOfImages(this.#step, this.masks));
    return this.#irrelevant;
  }

  /** @returns undefined for a batch without masks */
  objects(): MaskedObjects | undefined {
    if (!this.masks) return undefined;
    this.#objects ??= this.#select(this.masks);
    return this.#objects;
  }

  /** ∂/∂x Σ log p, `[B,H,W,c]`. */
  inputGradients(): tf.Tensor4D {
    const { model, inputs, pass, link, imageInput } = this.#step;
    this.#gradients ??= inputGradients(model, inputs, (logits) => logProbabilitySums(logits, link), {
      imageInput,
      ...pass,
    });
    return this.#gradients;
  }

  #explain({ masks, weights }: PairMasks): GuidedPairs {
    const { model, inputs, pairs, pass, batch } = this.#step;
    const { resolution = 'mask', ...options } = this.#options;
    const { maps } = attentionMaps(model, inputs, pairs, { ...options, ...pass });
    const relevant = whatMatters(masks, batch);
    const [, height, width] = masks.shape;
    const [, h, w] = maps.shape;
    return {
      ...(resolution === 'mask'
        ? { maps: upsampleBilinear(maps, [height, width]), relevant }
        : { maps, relevant: downsampleArea(relevant, [h, w]) }),
      weights: tf.tensor1d([...weights]),
    };
  }

  #invert({ relevant, masked }: ImageRegions): IrrelevantRegions {
    return { irrelevant: tf.sub(1, relevant), weights: tf.tensor1d([...masked]) };
  }

  #select({ masks, weights }: PairMasks): MaskedObjects {
    const { pairs, batch } = this.#step;
    const rows = weights.flatMap((weight, p) => (weight > 0 ? [p] : []));
    const size = Math.ceil(rows.length / multiple) * multiple;
    const padded = Array.from({ length: size }, (_, i) => rows[i % rows.length]!);
    const relevant = whatMatters(tf.gather(masks, tf.tensor1d(padded, 'int32')), batch);
    return {
      pairs: padded.map((p) => pairs[p]!),
      relevant: toGrid(relevant, this.#size),
      weights: tf.tensor1d(padded.map((p, i) => (i < rows.length ? weights[p]! : 0))),
    };
  }
}
