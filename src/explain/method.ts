import type * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Pair, Target } from '../gradcam/index.ts';

/** What every explanation method understands; methods have further options of their own. */
export interface MethodOptions {
  /** Path of the layer that is explained, see `resolveTargetLayer`. Methods of the whole network leave it alone. @default 'auto' */
  targetLayer?: string | undefined;
  /** Index or name of the output to be explained. @default 0 */
  output?: number | string | undefined;
  /** The explained score: the class logit, a function of the outputs, or units of a layer. @default 'logit' */
  target?: Target | undefined;
  /** Of whatever the method draws at random. @default 0 */
  seed?: number | undefined;
  /** Images in one pass of the network, for methods that need many passes. @default 16 */
  batchSize?: number | undefined;
  /** Changed copies of each image, for RISE and LIME. @default as the method says */
  samples?: number | undefined;
  /** Told after every batch of a method that needs many. */
  onProgress?: ((done: number, all: number) => void) | undefined;
  /** Ends a long method between two batches. */
  signal?: AbortSignal | undefined;
}

/**
 * A method of explanation: what in an image speaks for a class.
 *
 * Attributions are as the method defines them, neither normalised nor clipped beyond that. What is returned is the
 * caller's to dispose of.
 *
 * @param images [B,H,W,c], or one tensor per input of the model
 * @param pairs which explanations to make, in this order; may repeat a sample
 * @returns [P,h,w] (or [P,d,h,w]) at the extent of a layer or of the image, or [P,H,W,c] in pixel space
 */
export type ExplanationMethod = (
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options?: MethodOptions,
) => tf.Tensor | Promise<tf.Tensor>;
