import * as tf from '@tensorflow/tfjs-core';
import { type Layer, withFields } from './layer.ts';

/**
 * What a noise layer answers in training when its random numbers come from a seed, `undefined` for a layer
 * that draws none. tfjs draws dropout masks from `Math.random`, which no seed reaches.
 *
 * Dropout inside a recurrent cell is not covered.
 *
 * @param seed a non-zero integer; one seed gives one mask
 */
export function seededNoise(layer: Layer, inputs: tf.Tensor[], seed: number): tf.Tensor | undefined {
  const { rate, stddev } = layer as unknown as { rate: number; stddev: number };
  const [x] = inputs as [tf.Tensor];
  switch (layer.getClassName()) {
    case 'Dropout':
    case 'SpatialDropout1D':
      return withFields(layer, { seed }).apply(inputs, { training: true }) as tf.Tensor;
    case 'GaussianNoise':
      return tf.add(x, tf.randomNormal(x.shape, 0, stddev, 'float32', seed));
    case 'GaussianDropout':
      return rate > 0 && rate < 1
        ? tf.mul(x, tf.randomNormal(x.shape, 1, Math.sqrt(rate / (1 - rate)), 'float32', seed))
        : undefined;
    case 'AlphaDropout':
      return rate > 0 && rate < 1 ? alphaDropout(layer, x, rate, seed) : undefined;
    default:
      return undefined;
  }
}

/** The value a SELU saturates at for −∞: −λα (Klambauer et al. 2017). */
const seluFloor = -1.0507009873554805 * 1.6732632423543772;

/** Dropped units become the SELU's floor, then an affine map restores mean 0 and variance 1. */
function alphaDropout(layer: Layer, x: tf.Tensor, rate: number, seed: number): tf.Tensor {
  const { noiseShape } = layer as unknown as { noiseShape?: number[] };
  const kept = tf.cast(
    tf.greaterEqual(tf.randomUniform(noiseShape ?? x.shape, 0, 1, 'float32', seed), rate),
    'float32',
  );
  const a = 1 / Math.sqrt((1 - rate) * (1 + rate * seluFloor ** 2));
  const b = -a * seluFloor * rate;
  const dropped = tf.add(tf.mul(x, kept), tf.mul(tf.sub(1, kept), seluFloor));
  return tf.add(tf.mul(dropped, a), b);
}

/**
 * A seed for the random ops of tfjs that stands for `seed`: tfjs reads 0 as "no seed", and draws other numbers each
 * time. Every other seed stays itself.
 */
export function tfjsSeed(seed: number): number {
  return seed === 0 ? 0x9e3779b9 : seed;
}

/** A seed of its own for the layer call at a position: a 32-bit mix, never 0 (which tfjs reads as "no seed"). */
export function seedAt(seed: number, position: number): number {
  let hash = (seed | 0) ^ Math.imul(position + 1, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0 || 1;
}
