import type * as tf from '@tensorflow/tfjs-core';
import type { Pair } from '../../gradcam/index.ts';
import type { StepContext } from '../objective/index.ts';

/** Pairs to explain, and their weights. */
export interface WeightedPairs {
  readonly pairs: readonly Pair[];
  readonly weights: readonly number[];
}

/** What a teacher says of the batch of a step, as constants. B images, P pairs, C classes. */
export interface TeacherAnswers {
  /** B numbers: the share of each image in what is learned. @default all 1 */
  imageWeights?(step: StepContext): readonly number[];
  /** `[B,C]`. */
  logits(step: StepContext): tf.Tensor2D;
  /** The most likely class of each image. */
  topPairs(step: StepContext): WeightedPairs;
  /** `[P,h,w]`, normalised. */
  maps(step: StepContext, pairs: readonly Pair[]): tf.Tensor3D;
  /** `[B,h,w,K]` of a layer. */
  activations(step: StepContext, layer: string): tf.Tensor4D;
  /** `[B,h,w,C]`. */
  classMaps(step: StepContext): tf.Tensor4D;
}
