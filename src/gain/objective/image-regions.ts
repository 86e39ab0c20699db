import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import { toGrid } from '../../losses/index.ts';
import type { StepContext } from './extra-terms.ts';
import { masksOfPairs, type PairMasks, whatMatters } from './pair-masks.ts';

/** What matters of each image of a step, for whatever knows no classes: the masks of an image are united. */
export interface ImageRegions {
  /** H `[B,H,W]`, 0..1, at the size of the images. */
  readonly relevant: tf.Tensor3D;
  /** B numbers, 1 where an image has a mask. */
  readonly masked: readonly number[];
}

/**
 * Height and width of the images of a step.
 *
 * @throws {UsageError} for clips and volumes, which the terms beside GAIN's own do not judge
 */
export function imageSizeOf({ inputs, imageInput }: StepContext): [number, number] {
  const { shape } = inputs[imageInput]!;
  if (shape.length !== 4) {
    throw new UsageError(
      `guided terms: expected images [B,H,W,c], received [${shape}]; clips are guided by mining and supervision`,
    );
  }
  return [shape[1]!, shape[2]!];
}

/**
 * The masks of a step in the order of its pairs.
 *
 * @returns undefined where no pair that counts has a mask
 */
export function masksOfStep(step: StepContext): PairMasks | undefined {
  const { batch, pairs, pairWeights, labels } = step;
  const isReal = (p: number) => pairWeights[p]! > 0;
  const masks = masksOfPairs(batch, pairs, isReal, labels.length, imageSizeOf(step));
  return masks?.weights.some((weight) => weight > 0) ? masks : undefined;
}

/** @param masks of the step's pairs, see {@link masksOfStep} */
export function regionsOfImages(step: StepContext, { masks, weights }: PairMasks): ImageRegions {
  const { pairs, batch, labels } = step;
  const ofImage = new Float32Array(labels.length * pairs.length);
  const masked = labels.map(() => 0);
  pairs.forEach(({ sample }, p) => {
    if (weights[p] === 0) return;
    ofImage[sample * pairs.length + p] = 1;
    masked[sample] = 1;
  });
  const flat = tf.reshape(masks, [pairs.length, -1]);
  const sums = tf.matMul(tf.tensor2d(ofImage, [labels.length, pairs.length]), flat);
  const [, height, width] = masks.shape;
  const united = tf.reshape(tf.minimum(sums, 1), [labels.length, height, width]) as tf.Tensor3D;
  return { relevant: toGrid(whatMatters(united, batch), imageSizeOf(step)), masked };
}
