import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { startEngine } from '../../src/engine/index.ts';
import type { OnnxBackend } from '../../src/engine/onnx/index.ts';
import { attentionMaps } from '../../src/gradcam/index.ts';
import { tensorOf } from './reference-network.ts';

test('an engine that compiles sees one computation, whichever pairs a batch has', async (t) => {
  await startEngine({ engine: 'onnx' });
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ inputShape: [6, 6, 2], filters: 3, kernelSize: 3, activation: 'relu' }),
      tfl.layers.dropout({ rate: 0.5 }),
      tfl.layers.maxPooling2d({ poolSize: 2 }),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 4 }),
    ],
  });
  const step = (labels: number[], samples: number[], dropoutSeed: number) => {
    const images = tensorOf(dropoutSeed, [3, 6, 6, 2]);
    const pairs = samples.map((sample, i) => ({ sample, class: labels[i]! }));
    const options = { groups: 2, training: true, dropoutSeed };
    const { value, grads } = tf.variableGrads(
      () => tf.sum(tf.square(attentionMaps(model, images, pairs, options).maps)) as tf.Scalar,
    );
    for (const gradient of Object.values(grads)) gradient?.dataSync();
    tf.dispose([value, grads, images]);
  };
  const { stats: before } = tf.backend() as OnnxBackend;
  step([0, 1, 2], [0, 1, 2], 1);
  const { stats: first } = tf.backend() as OnnxBackend;
  step([3, 1, 0], [2, 2, 0], 2);
  step([1, 1, 1], [1, 1, 1], 3);
  const { stats: last } = tf.backend() as OnnxBackend;
  t.true(first.compiles > before.compiles);
  t.is(last.compiles, first.compiles);
});
