import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { normalizeMaps, type Pair, upsampleMaps } from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';
import { type ChannelPass, channelScoreMaps } from './channel-scores.ts';

/**
 * Score-CAM: a channel counts as much as the score that is left when the image is masked by it.
 *
 *     H_k = minmax(Up(A^k)),   C_k = s^c(X ⊙ H_k) − s^c(X_b),   M = ReLU(Σ_k softmax_k(C) A^k)
 *
 * (Wang et al., "Score-CAM", CVPR workshops 2020, arXiv 1910.01279, algorithm 1.) The score of the baseline
 * X_b is the same for all channels and cancels in the softmax: its pass is not made. A channel of one value
 * all over, for which minmax is 0/0, masks the whole image. s^c is the logit, as in the algorithm; for what the
 * authors' code does give `target: (probabilities) => probabilities` of a model that ends in softmax.
 *
 * Good for: maps without gradients, which may be noisy or saturated. Fails: where logits are large, the softmax takes
 * one channel and forgets the others; a masked image is unlike any that the network was trained on; and it is slow,
 * K passes of the network for each image.
 *
 * Several inputs are masked alike if they have the spatial rank of A, and otherwise left as they are.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,h,w]
 * @throws {UsageError}, ModelError as `attentionMaps` does
 */
export function scoreCam(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: MethodOptions = {},
): Promise<tf.Tensor> {
  return channelScoreMaps(model, images, pairs, options, maskedByChannels, ({ ofChannels }) =>
    softmax(ofChannels),
  );
}

function maskedByChannels({ split, inputs, features, sample, channels }: ChannelPass) {
  const [activations] = tf.unstack(tf.slice(features.activations, sample, 1));
  const rank = activations!.rank;
  const channelsFirst = tf.transpose(activations!, [rank - 1, ...Array(rank - 1).keys()]);
  const maps = tf.gather(channelsFirst, tf.tensor1d([...channels], 'int32'));
  const masked = inputs.map((input) => {
    const image = tf.slice(input, sample, 1);
    if (input.rank !== features.activations.rank) {
      return tf.tile(image, [channels.length, ...input.shape.slice(1).map(() => 1)]);
    }
    return tf.mul(image, tf.expandDims(normalizeMaps(upsampleMaps(maps, input.shape.slice(1, -1))), -1));
  });
  return split.head(split.features(masked));
}

function softmax(values: Float64Array): Float64Array {
  const largest = values.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  const powers = values.map((value) => Math.exp(value - largest));
  const sum = powers.reduce((a, b) => a + b, 0);
  return powers.map((power) => power / sum);
}
