import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { attentionMaps, GainTrainer, normalizeMaps, upsampleMaps } from '../../src/core.ts';

/** What a step of GAIN and the maps of the trained network came to. */
export interface OneStep {
  readonly backend: string;
  readonly losses: Readonly<Record<string, number>>;
  /** Every weight after the step, one after the other. */
  readonly weights: readonly number[];
  /** Grad-CAM++ maps, normalised and upsampled, [3·16·16]. */
  readonly maps: readonly number[];
  /** Tensors that are left, beyond those of the model and the optimizer. */
  readonly leaked: number;
}

/** Numbers from 0 to 1 that are the same everywhere. */
function numbers(count: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  });
}

/**
 * One step of GAIN with all three losses on the active backend, and Grad-CAM++ maps after it. Runs in Node and in a
 * browser; everything that it begins with is the same there.
 */
export async function oneStep(): Promise<OneStep> {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ inputShape: [16, 16, 3], filters: 4, kernelSize: 3, activation: 'relu' }),
      tfl.layers.maxPooling2d({ poolSize: 2 }),
      tfl.layers.conv2d({ filters: 6, kernelSize: 3, activation: 'relu', name: 'maps' }),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 3 }),
    ],
  });
  model.setWeights(
    model.weights.map(({ shape }, i) => {
      const size = shape.reduce<number>((product, length) => product * length!, 1);
      return tf.tensor(
        numbers(size, i + 1).map((value) => 0.4 * (value - 0.5)),
        shape as number[],
      );
    }),
  );
  const trainer = new GainTrainer(model, {
    link: 'softmax',
    targetLayer: 'maps',
    method: 'grad-cam++',
    weights: { classification: 1, mining: 1, supervision: 10 },
    optimizer: { name: 'sgd', learningRate: 0.05 },
  });
  const images = () => tf.tensor4d(numbers(4 * 16 * 16 * 3, 99), [4, 16, 16, 3]);
  async function* batches() {
    yield {
      xs: images(),
      ys: tf.tensor2d([1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0], [4, 3]),
      masks: tf.tensor3d(
        numbers(4 * 16 * 16, 7).map((value) => Number(value > 0.7)),
        [4, 16, 16],
      ),
      hasMask: tf.tensor1d([1, 1, 0, 0]),
    };
  }
  const losses: Record<string, number> = {};
  const step = () =>
    trainer.fitDataset(batches(), {
      epochs: 1,
      callbacks: { onBatchEnd: (_, report) => void Object.assign(losses, report.losses) },
    });
  await step();
  const weights = model.getWeights().flatMap((weight) => [...weight.dataSync()]);
  const pairs = [0, 1, 2].map((sample) => ({ sample, class: sample }));
  const maps = tf.tidy(() => {
    const { maps } = attentionMaps(model, images(), pairs, { method: 'grad-cam++', targetLayer: 'maps' });
    return [...upsampleMaps(normalizeMaps(maps as tf.Tensor3D), [16, 16]).dataSync()];
  });
  const before = tf.memory().numTensors;
  await step();
  return { backend: tf.getBackend(), losses, weights, maps, leaked: tf.memory().numTensors - before };
}
