import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { type EngineInfo, type EngineName, type OnnxProvider, startEngine } from '../engine/index.ts';
import { type GainLossOptions, gainLoss } from '../gain/index.ts';
import { buildModel } from '../models/index.ts';

export interface EngineCheck {
  readonly engine: EngineInfo;
  /** Largest difference of a gradient from the engine `cpu`, relative to the largest gradient of its weight. */
  readonly firstOrder: number;
  /** The same with the explanation maps in the loss, whose gradient goes through a gradient. */
  readonly secondOrder: number;
  /** Product of two square matrices, in GFLOP/s. */
  readonly matmul: number;
  /** Convolution of images 56 x 56 x 64 with a filter 3 x 3 x 64 x 64, in GFLOP/s. */
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
 * @param provider what ONNX Runtime computes with, for the engine `onnx`
 * @throws {EngineError} when it cannot start
 */
export async function checkEngine(name: EngineName, provider?: OnnxProvider): Promise<EngineCheck> {
  await startEngine({ engine: 'cpu' });
  const model = buildModel('small-cnn', { inputShape: [16, 16, 3], classes: 3, seed: 1, widths: [8, 8] });
  const expected = {
    first: gradients(model, losses.firstOrder),
    second: gradients(model, losses.secondOrder),
  };
  const engine = await startEngine({ engine: name, ...(provider && { onnx: { provider } }) });
  const firstOrder = largestDifference(gradients(model, losses.firstOrder), expected.first);
  const secondOrder = largestDifference(gradients(model, losses.secondOrder), expected.second);

  const matmul = await speed((scale) => {
    const a = tf.randomUniform<tf.Rank.R2>([128 * scale, 128 * scale]);
    return { flop: 2 * a.shape[0] ** 3, compute: () => tf.matMul(a, a) };
  });
  const convolution = await speed((scale) => {
    const images = tf.randomUniform<tf.Rank.R4>([scale, 56, 56, 64]);
    const filter = tf.randomUniform<tf.Rank.R4>([3, 3, 64, 64]);
    return { flop: 2 * 56 ** 2 * 9 * 64 ** 2 * scale, compute: () => tf.conv2d(images, filter, 1, 'same') };
  });
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

/** In GFLOP/s, the best over growing sizes; a size is the last one when a call of it takes a while. */
async function speed(task: (scale: number) => { flop: number; compute: () => tf.Tensor }): Promise<number> {
  let best = 0;
  for (const scale of [1, 2, 4, 8]) {
    tf.engine().startScope();
    const { flop, compute } = task(scale);
    let ms = 0;
    // The first call may compile.
    for (let call = 0; call < 4 && ms < 200; call++) {
      const before = performance.now();
      // One number of it: what is timed is not the copying.
      await tf.sum(compute()).data();
      ms = performance.now() - before;
      best = Math.max(best, flop / ms / 1e6);
    }
    tf.engine().endScope();
    if (ms >= 200) break;
  }
  return best;
}
