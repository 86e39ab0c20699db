import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import type { Pair } from '../../gradcam/index.ts';
import { oneHotRows } from '../../losses/index.ts';
import type { MethodOptions } from '../method.ts';
import { type ChannelPass, channelScoreMaps, repeatFeatures } from './channel-scores.ts';

/**
 * Ablation-CAM: a channel counts as much as the score falls without it.
 *
 *     w_k = (s^c − s_k^c) / |s^c|,   M = ReLU(Σ_k w_k A^k),   s_k^c the score with A^k set to 0
 *
 * (Desai & Ramaswamy, "Ablation-CAM", WACV 2020.) The paper divides by s^c itself, which turns the map of
 * a negative logit round; |s^c| is the same for all others. A score of exactly 0 divides nothing.
 *
 * Good for: maps without gradients, of any head; only the part of the network after the target layer runs again.
 * Fails: where two channels say the same, either can go without a loss, and neither is shown. K passes of the head for
 * each image.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,h,w]
 * @throws {UsageError}, ModelError as `attentionMaps` does
 */
export function ablationCam(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  options: MethodOptions = {},
): Promise<tf.Tensor> {
  return channelScoreMaps(model, images, pairs, options, withoutChannels, ({ whole, ofChannels }) =>
    ofChannels.map((score) => (whole - score) / (Math.abs(whole) || 1)),
  );
}

function withoutChannels({ split, features, sample, channels }: ChannelPass) {
  const { activations } = features;
  const all = activations.shape.at(-1)!;
  const kept = tf.sub(1, oneHotRows(channels, all));
  const spread = [channels.length, ...activations.shape.slice(1, -1).map(() => 1), all];
  const ablated = tf.mul(tf.slice(activations, sample, 1), tf.reshape(kept, spread));
  return split.head(repeatFeatures(features, sample, channels.length), ablated);
}
