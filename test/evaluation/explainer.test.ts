import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import type { HostBatch } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { ModelError } from '../../src/errors/index.ts';
import { Explainer } from '../../src/evaluation/explainer.ts';
import { findMethods } from '../../src/explain/index.ts';
import { resizeCubic } from '../../src/gradcam/index.ts';
import { probabilities } from '../../src/losses/index.ts';
import { buildModel } from '../../src/models/index.ts';
import { randomFor } from '../../src/random/index.ts';

const [size, classes] = [16, 3];
const options = { targetLayer: 'auto', imageSize: [size, size], batchSize: 4, link: 'softmax' } as const;
const pairs = [
  { sample: 0, class: 1 },
  { sample: 2, class: 0 },
  { sample: 2, class: 2 },
];

test.before(async () => {
  await startEngine({ engine: 'cpu' });
});

function network() {
  return buildModel('small-cnn', { inputShape: [size, size, 3], classes, seed: 3, widths: [4, 8] });
}

/** Three images: fewer than go through the network at a time. */
function batchOf(count = 3): HostBatch {
  const random = randomFor(5, 'images');
  const images = Float32Array.from({ length: count * size * size * 3 }, () => random.next());
  return { size: count, images, labels: new Float32Array(count * classes) } as unknown as HostBatch;
}

function near(
  t: { true(value: boolean, text: string): void },
  found: Float32Array,
  expected: ArrayLike<number>,
  name: string,
) {
  const peak = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const worst = found.reduce((most, value, i) => Math.max(most, Math.abs(value - expected[i]!)), 0);
  t.true(
    found.length === expected.length && peak > 0 && worst <= 1e-5 * peak,
    `${name}: ${worst} of ${peak}`,
  );
}

test.serial(
  'methods beside each other are what explain gives of the same images, whatever shares a pass',
  async (t) => {
    const methods = [
      'grad-cam',
      'eigen-cam',
      'gradient',
      'layer-cam',
      'lrp',
      'expected-gradients',
      'occlusion',
    ];
    const model = network();
    const batch = batchOf();
    const explained = await (await Explainer.create(model, { ...options, methods, seed: 7 })).explain(
      batch,
      pairs,
    );
    const images = tf.tensor4d(batch.images, [3, size, size, 3]);
    near(t, explained.scores, tf.softmax(model.predict(images) as tf.Tensor).dataSync(), 'scores');
    for (const [m, entry] of findMethods(methods).entries()) {
      const byScores = entry.group === 'model-agnostic';
      const target = byScores
        ? { score: (values: tf.Tensor) => probabilities(values as tf.Tensor2D, 'softmax') }
        : undefined;
      let maps = await entry.explain(model, images, pairs, { seed: 7, batchSize: 4, target });
      // In pixel space the largest magnitude of the channels.
      if (maps.rank === 4) maps = tf.max(tf.abs(maps), -1);
      t.deepEqual(explained.smallSize(m), maps.shape.slice(1), entry.name);
      const large = resizeCubic(maps as tf.Tensor3D, [size, size]);
      for (const p of pairs.keys()) {
        near(t, explained.smallMap(m, p), tf.gather(maps, p).dataSync(), `${entry.name} ${p}`);
        near(t, explained.map(m, p), tf.gather(large, p).dataSync(), `${entry.name} ${p} at the image`);
      }
    }
  },
);

test.serial('without pairs there are answers and no maps; without class maps too', async (t) => {
  const explainer = await Explainer.create(network(), { ...options, methods: ['gradient', 'grad-cam'] });
  const { logits, scores } = await explainer.explain(batchOf(), []);
  t.is(logits.length, 3 * classes);
  t.true(Math.abs(scores.subarray(0, classes).reduce((sum, score) => sum + score, 0) - 1) < 1e-6);
});

test.serial('nothing is left behind', async (t) => {
  const explainer = await Explainer.create(network(), {
    ...options,
    methods: ['gradient', 'grad-cam', 'occlusion'],
  });
  await explainer.explain(batchOf(), pairs);
  const { numTensors } = tf.memory();
  await explainer.explain(batchOf(), pairs);
  t.is(tf.memory().numTensors, numTensors);
});

test.serial('a method that does not fit the network says so', async (t) => {
  const explainer = await Explainer.create(network(), { ...options, methods: ['attention-rollout'] });
  await t.throwsAsync(explainer.explain(batchOf(), pairs), { instanceOf: ModelError });
  const { numTensors } = tf.memory();
  await t.throwsAsync(explainer.explain(batchOf(), pairs), { instanceOf: ModelError });
  t.is(tf.memory().numTensors, numTensors);
});
