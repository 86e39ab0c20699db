import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import type { ForwardOptions } from '../../gradcam/index.ts';
import { type GainBatch, type GainLossOptions, resolveOptions, type Settings } from './options.ts';
import { allPairs, classesPerImage, type PairList, randomPairs, weightedPairs } from './pairs.ts';

/** What one step has to do: the options, resolved once, and what follows from them for a batch. */
export interface StepPlan extends Settings {
  readonly batch: GainBatch;
  /** One tensor per input of the model. */
  readonly inputs: readonly tf.Tensor[];
  /** I `[B,H,W,c]`, of clips and volumes `[B,T,H,W,c]` */
  readonly images: tf.Tensor4D | tf.Tensor5D;
  /** `[H,W]`, of clips and volumes `[T,H,W]` */
  readonly size: readonly number[];
  /** Class indices of each image. */
  readonly classes: readonly (readonly number[])[];
  /** The P (image, class) pairs; none where nothing asks for them. */
  readonly list: PairList;
  /** How the first pass runs. */
  readonly pass: ForwardOptions;
  readonly classifies: boolean;
  /** Whether masked images are made and judged. */
  readonly mines: boolean;
  readonly supervises: boolean;
  /** Whether maps are made: something asks for them, and there is a pair. */
  readonly explains: boolean;
  /** Whether the channel weights of the maps carry a gradient, and something uses it. */
  readonly learnsWeights: boolean;
}

/** @throws {UsageError} when the batch or an option breaks a rule */
export function planStep(batch: GainBatch, options: GainLossOptions): StepPlan {
  const settings = resolveOptions(options, batch);
  const { weights, training, dropoutSeed, output, miningGradient } = settings;
  const inputs = batch.images instanceof tf.Tensor ? [batch.images] : [...batch.images];
  const images = imagesOf(inputs, settings.imageInput);
  const classes = classesPerImage(batch.labels);
  if (classes.length !== images.shape[0]) {
    throw new UsageError(
      `batch.labels: must be one row per image (${images.shape[0]}), were ${classes.length}`,
    );
  }
  const terms = settings.terms.filter((term) => term.weight !== 0);
  const mines = weights.mining > 0;
  const supervises = weights.supervision > 0;
  const wantsPairs = mines || supervises || terms.length > 0;
  const list = wantsPairs ? pairsOf(batch, classes, settings) : weightedPairs([]);
  return {
    ...settings,
    terms,
    batch,
    inputs,
    images,
    size: images.shape.slice(1, -1),
    classes,
    list,
    pass: { output, training, dropoutSeed },
    classifies: weights.classification > 0,
    mines,
    supervises,
    explains: (mines || supervises) && list.pairs.length > 0,
    learnsWeights:
      settings.differentiateWeights && (supervises || (mines && miningGradient !== 'parameters')),
  };
}

function pairsOf(batch: GainBatch, classes: StepPlan['classes'], settings: Settings): PairList {
  const { classesToMine, seed, pairCapacity } = settings;
  const pairs = batch.pairs ?? (classesToMine === 'random' ? randomPairs(classes, seed) : allPairs(classes));
  return weightedPairs(pairs, batch.pairWeights, pairCapacity);
}

function imagesOf(inputs: readonly tf.Tensor[], imageInput: number): StepPlan['images'] {
  const images = inputs[imageInput];
  if (images === undefined) {
    throw new UsageError(
      `imageInput: must be below the number of inputs (${inputs.length}), was ${imageInput}`,
    );
  }
  if (images.rank !== 4 && images.rank !== 5) {
    throw new UsageError(
      `batch.images: must have shape [B,H,W,c], or [B,T,H,W,c] of clips, had [${images.shape}]`,
    );
  }
  return images as StepPlan['images'];
}
