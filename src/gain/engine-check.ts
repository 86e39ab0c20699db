import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type EngineInfo, type EngineName, startEngine } from '../engine/index.ts';
import { buildModel } from '../models/index.ts';
import { type GainLossOptions, gainLoss } from './objective/index.ts';

export interface EngineCheck {
  readonly engine: EngineInfo;
  /** Largest difference of a gradient from the engine `cpu`, relative to the largest gradient of its weight. */
  readonly firstOrder: number;
  /** The same with the explanation maps in the loss, whose gradient goes through a gradient. */
  readonly secondOrder: number;
  /** Product of two matrices 768 x 768, in GFLOP/s. */
  readonly matmul: number;
  /** Convolution 8 x 56 x 56 x 64 with a filter 3 x 3 x 64 x 64, in GFLOP/s. */
  readonly convolution: number;
}

const losses: Record<'firstOrder' | 'secondOrder', GainLossOptions> = {
  firstOrder: { link: 'softmax', weights: { mining: 0, supervision: 0 } },
  secondOrder: { link: 'softmax', weights: { mining: 1, supervision: 10 } },
};

/**
 * Starts an engine and checks it on a small network: the gradients of a training step, without and with the
 * explanation maps in the loss, against the engine `cpu`; and what it does in a second.
 *
 * @throws EngineError when it cannot start
 */
export async function checkEngine(name: EngineName): Promise<EngineCheck> {
  await startEngine({ engine: 'cpu' });
  const model = buildModel('small-cnn', { inputShape: [16, 16, 3], classes: 3, seed: 1, widths: [8, 8] });
  const expected = {
    first: gradients(model, losses.firstOrder),
    second: gradients(model, losses.secondOrder),
  };
  const engine = await startEngine({ engine: name });
  const firstOrder = largestDifference(gradients(model, losses.firstOrder), expected.first);
  const secondOrder = largestDifference(gradients(model, losses.secondOrder), expected.second);

  const [a, image] = [tf.randomUniform([768, 768]), tf.randomUniform<tf.Rank.R4>([8, 56, 56, 64])];
  const filter = tf.randomUniform<tf.Rank.R4>([3, 3, 64, 64]);
  const matmul = await speed(2 * 768 ** 3, () => tf.matMul(a, a));
  const convolution = await speed(2 * 8 * 56 ** 2 * 9 * 64 ** 2, () => tf.conv2d(image, filter, 1, 'same'));
  tf.dispose([a, image, filter]);
  model.dispose();
  return { engine, firstOrder, secondOrder, matmul, convolution };
}

function gradients(model: tfl.LayersModel, options: GainLossOptions): Float32Array[] {
  return tf.tidy(() => {
    const images = tf.tensor4d(
      Float32Array.from({ length: 2 * 16 * 16 * 3 }, (_, i) => (i * 0.618) % 1),
      [2, 16, 16, 3],
    );
    const masks = tf.tensor3d(
      Float32Array.from({ length: 16 * 16 }, (_, i) => Number(i % 16 < 6)),
      [1, 16, 16],
    );
    const batch = { images, labels: [0, 2], masks, maskPairs: [{ sample: 1, class: 2 }] };
    const { grads } = tf.variableGrads(() => gainLoss(model, batch, options).total);
    return Object.values(grads).map((gradient) => gradient.dataSync<'float32'>().slice());
  });
}

function largestDifference(actual: Float32Array[], expected: Float32Array[]): number {
  const differences = expected.map((values, index) => {
    const scale = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 1e-6);
    return values.reduce((largest, value, at) => {
      const difference = Math.abs(actual[index]![at]! - value) / scale;
      return difference <= largest ? largest : difference; // NaN is kept
    }, 0);
  });
  return differences.reduce((largest, value) => (value <= largest ? largest : value), 0);
}

/** The best of some calls, in GFLOP/s; the first one, which may compile, is not counted. */
async function speed(flop: number, compute: () => tf.Tensor): Promise<number> {
  const timed = async () => {
    const before = performance.now();
    const result = compute();
    // One number of it: what is timed is not the copying.
    const sum = tf.sum(result);
    await sum.data();
    tf.dispose([result, sum]);
    return performance.now() - before;
  };
  const first = await timed();
  const calls = first > 500 ? 1 : 5;
  const times: number[] = [];
  for (let call = 0; call < calls; call++) times.push(await timed());
  return flop / Math.min(...times) / 1e6;
}
