import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { UsageError } from '../../../src/errors/index.ts';
import { adversarialPattern, deepDream, invertFeatures } from '../../../src/explain/index.ts';
import { forward, layerOutputs } from '../../../src/gradcam/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { numbers } from '../../gradcam/reference-network.ts';
import { smallNetwork } from '../networks.ts';

test.before(startTestEngine);

const picture = (count: number) =>
  tf.tensor4d(
    numbers(9, count * 768).map((value) => 0.5 + 0.6 * value),
    [count, 16, 16, 3],
  );
const energyOf = (image: tf.Tensor3D) =>
  tf.tidy(() => {
    const [a] = layerOutputs(smallNetwork(), tf.expandDims(image, 0) as tf.Tensor4D, ['conv2']);
    return 0.5 * tf.sum(tf.square(a!)).dataSync()[0]!;
  });

test.serial(
  'deep dream: the layer answers more, within the range, the same for a seed, nothing left behind',
  async (t) => {
    const model = smallNetwork();
    const image = tf.squeeze(picture(1), [0]) as tf.Tensor3D;
    const live = tf.memory().numTensors;
    const options = { targetLayer: 'conv2', octaves: 2, steps: 4, seed: 3 };
    const { dream, before, after } = await deepDream(model, image, options);
    t.is(tf.memory().numTensors, live + 1);
    t.true(after > 1.5 * before, `${before} to ${after}`);
    t.true(Math.abs(energyOf(dream) - after) < 1e-3 * after);
    t.deepEqual(dream.shape, [16, 16, 3]);
    const values = dream.dataSync();
    t.true(values.every((value) => value >= 0 && value <= 1));
    const again = await deepDream(model, image, options);
    t.deepEqual(Array.from(again.dream.dataSync()), Array.from(values));
    await t.throwsAsync(deepDream(model, image, { octaveScale: 1 }), { instanceOf: UsageError });
  },
);

test.serial('inverted features: an image that the layer takes for the first', async (t) => {
  const model = smallNetwork();
  const images = picture(2);
  const live = tf.memory().numTensors;
  const found = await invertFeatures(model, images, {
    targetLayer: 'conv1',
    steps: 60,
    learningRate: 0.05,
    variation: 0,
  });
  t.is(tf.memory().numTensors, live + 1);
  found.after.forEach((after, i) => {
    t.true(after < 0.05 && after < 0.1 * found.before[i]!, `${found.before[i]} to ${after}`);
  });
  t.true(found.images.dataSync().every((value) => value >= 0 && value <= 1));
  await t.throwsAsync(invertFeatures(model, images, { steps: 0 }), {
    instanceOf: UsageError,
    message: 'steps: expected a whole number of at least 1, received 0',
  });
});

test.serial(
  'an adversarial pattern raises its class and stays within ε, each image its own or one for all',
  async (t) => {
    const model = smallNetwork();
    const images = picture(3);
    const probability = (x: tf.Tensor4D) =>
      tf.tidy(() => Array.from(tf.slice(tf.softmax(forward(model, x)), [0, 2], [-1, 1]).dataSync()));
    for (const shared of ['each', 'all'] as const) {
      const live = tf.memory().numTensors;
      const found = await adversarialPattern(model, images, 2, { epsilon: 0.1, steps: 5, shared });
      t.is(tf.memory().numTensors, live + 2);
      t.deepEqual(found.pattern.shape, [shared === 'all' ? 1 : 3, 16, 16, 3]);
      t.true(found.pattern.dataSync().every((value) => Math.abs(value) <= 0.1 + 1e-6));
      const [before, after] = [probability(images), probability(found.images)];
      before.forEach((value, i) => {
        t.true(Math.abs(value - found.before[i]!) < 1e-5 && Math.abs(after[i]! - found.after[i]!) < 1e-5);
        t.true(found.after[i]! > value, shared);
      });
      tf.dispose([found.images, found.pattern]);
    }
    // One step is the sign of the gradient of log p.
    const one = await adversarialPattern(model, images, 2, {
      epsilon: 0.02,
      steps: 1,
      stepSize: 0.02,
      range: [-9, 9],
    });
    const slope = tf.grad((x: tf.Tensor) =>
      tf.sum(tf.slice(tf.logSoftmax(forward(model, x)), [0, 2], [-1, 1])),
    )(images);
    const error = tf.max(tf.abs(tf.sub(one.pattern, tf.mul(tf.sign(slope), 0.02)))).dataSync()[0]!;
    t.true(error < 1e-6);
    await t.throwsAsync(adversarialPattern(model, images, 3), {
      instanceOf: UsageError,
      message: 'label: expected a class from 0 to 2, received 3',
    });
  },
);
