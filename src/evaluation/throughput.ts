import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { forward } from '../gradcam/index.ts';

/** Images per second of networks that were timed by turns. */
export interface Throughput {
  /** Images of each pass. */
  readonly batchSize: number;
  /** Timed passes of each network. */
  readonly rounds: number;
  /** The batch size over the median time, in the order of the networks. */
  readonly imagesPerSecond: readonly number[];
}

/**
 * Times forward passes of networks, images in and logits back on the host, without data and without maps. The networks
 * take turns, so that whatever slows the machine for a while slows them all; the first rounds, in which an engine
 * compiles, are not counted.
 *
 * @param images [B·H·W·3]
 * @param shape [B,H,W,3]
 */
export function throughput(
  models: readonly tfl.LayersModel[],
  images: Float32Array,
  shape: readonly [number, number, number, number],
  { rounds = 9, warmUp = 2 } = {},
): Throughput {
  const input = tf.tensor4d(images, [...shape]);
  try {
    const passes = models.map((model) => () => {
      tf.tidy(() => forward(model, input).dataSync());
    });
    const medians = alternatingMedians(passes, rounds, warmUp);
    return { batchSize: shape[0], rounds, imagesPerSecond: medians.map((ms) => (1000 * shape[0]) / ms) };
  } finally {
    input.dispose();
  }
}

/**
 * The median time of each pass, in milliseconds.
 *
 * @param now the clock, in milliseconds
 */
export function alternatingMedians(
  passes: readonly (() => void)[],
  rounds: number,
  warmUp: number,
  now: () => number = () => performance.now(),
): number[] {
  const times: number[][] = passes.map(() => []);
  for (let round = 0; round < warmUp + rounds; round++) {
    for (const [i, pass] of passes.entries()) {
      const start = now();
      pass();
      if (round >= warmUp) times[i]!.push(now() - start);
    }
  }
  return times.map((ofPass) => {
    const sorted = ofPass.toSorted((a, b) => a - b);
    const middle = sorted.length / 2;
    return (sorted[Math.ceil(middle) - 1]! + sorted[Math.floor(middle)]!) / 2;
  });
}
