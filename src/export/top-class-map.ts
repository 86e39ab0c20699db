import * as tf from '@tensorflow/tfjs-core';
import { enableHigherOrderGradients } from '../autodiff/index.ts';
import {
  camWeights,
  classKernel,
  gradientMethods,
  type MapMethod,
  normalizeMaps,
  type SplitModel,
  upsampleMaps,
} from '../gradcam/index.ts';

/** What a classifier answers, and why. */
export interface Explained {
  /** [B,C] */
  readonly logits: tf.Tensor2D;
  /** [B], the class with the largest logit. */
  readonly topClass: tf.Tensor1D;
  /** [B,H,W], the map of that class at the size of the image, from 0 to 1. */
  readonly map: tf.Tensor3D;
}

/**
 * Logits and the map of each image's top class, M = ReLU(Σ_k w_k ⊙ A^k), upsampled, then brought to [0,1].
 *
 * The same numbers as {@link attentionMaps} gives for the pairs (b, argmax of b's logits), with nothing read on
 * the way, and the gradient as ordinary operations: so that it can be written down as a graph.
 */
export function explainTopClass(
  split: SplitModel,
  images: tf.Tensor4D,
  method: MapMethod,
  size: readonly [number, number],
): Explained {
  enableHigherOrderGradients();
  const features = split.features(images);
  const { activations } = features;
  const logits = split.head(features).logits as tf.Tensor2D;
  const topClass = tf.argMax(logits, 1) as tf.Tensor1D;
  // tf.oneHot refuses a width of 1; written so, the graph still takes a batch of any size.
  const selection = (
    logits.shape[1] === 1
      ? tf.add(tf.mul(logits, 0), 1)
      : tf.cast(tf.oneHot(topClass, logits.shape[1]), 'float32')
  ) as tf.Tensor2D;
  const scoreOf = (a: tf.Tensor) => tf.sum(tf.mul(split.head(features, a).logits, selection));
  const weights =
    method === 'cam'
      ? camWeights(classKernel(split), selection, activations.rank)
      : gradientMethods[method](activations, tf.grad(scoreOf)(activations));
  const map = tf.relu(tf.sum(tf.mul(weights, activations), -1)) as tf.Tensor3D;
  return { logits, topClass, map: normalizeMaps(upsampleMaps(map, size)) };
}
