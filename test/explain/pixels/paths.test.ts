import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { UsageError } from '../../../src/errors/index.ts';
import {
  deepLift,
  expectedGradients,
  gradientMaps,
  integratedGradients,
  smoothGrad,
} from '../../../src/explain/pixels/index.ts';
import { forward, type Pair } from '../../../src/gradcam/index.ts';
import { normals, randomFor } from '../../../src/random/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { tensorOf } from '../../gradcam/reference-network.ts';

test.before(startTestEngine);

const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

/** conv-pool-dense-dense over [B, 6, 6, 2], three classes. */
function classifier(activation: 'relu' | 'tanh' = 'relu'): tfl.Sequential {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ inputShape: [6, 6, 2], filters: 3, kernelSize: 3, activation }),
      activation === 'relu'
        ? tfl.layers.maxPooling2d({ poolSize: 2 })
        : tfl.layers.averagePooling2d({ poolSize: 2 }),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 5, activation }),
      tfl.layers.dense({ units: 3, activation: 'softmax' }),
    ],
  });
  model.setWeights(model.getWeights().map((weight, i) => tensorOf(1000 * (i + 1), weight.shape)));
  return model;
}

const images = () => tensorOf(5, [2, 6, 6, 2]);
const pairs: Pair[] = [
  { sample: 1, class: 2 },
  { sample: 0, class: 0 },
];

test('integrated gradients are complete: they add up to the score less the score of the baseline', async (t) => {
  // Without kinks in the path, so that the sum of a few steps is the integral.
  const model = classifier('tanh');
  for (const baseline of [0, tf.fill([6, 6, 2], -0.5), tensorOf(9, [2, 6, 6, 2])]) {
    const found = await integratedGradients(model, images(), pairs, { baseline, steps: 40 });
    const start =
      baseline === 0 ? tf.zeros([2, 6, 6, 2]) : tf.mul(baseline as tf.Tensor, tf.onesLike(images()));
    const [whole, nothing] = [forward(model, images()).arraySync(), forward(model, start).arraySync()];
    const sums = values(tf.sum(found, [1, 2, 3]));
    for (const [p, { sample, class: label }] of pairs.entries()) {
      const difference = whole[sample]![label]! - nothing[sample]![label]!;
      t.true(Math.abs(difference) > 1e-3, 'there is something to share out');
      t.true(
        Math.abs(sums[p]! - difference) < 1e-5 + 1e-3 * Math.abs(difference),
        `${sums[p]} of ${difference}`,
      );
    }
  }
});

test('DeepLIFT is complete too, in one pass, with saturated units', (t) => {
  for (const activation of ['relu', 'tanh'] as const) {
    const model = classifier(activation);
    const found = deepLift(model, images(), pairs, { baseline: 0.1 });
    const start = tf.fill([2, 6, 6, 2], 0.1);
    const [whole, nothing] = [forward(model, images()).arraySync(), forward(model, start).arraySync()];
    const sums = values(tf.sum(found, [1, 2, 3]));
    for (const [p, { sample, class: label }] of pairs.entries()) {
      const difference = whole[sample]![label]! - nothing[sample]![label]!;
      t.true(Math.abs(sums[p]! - difference) < 1e-4, `${activation}: ${sums[p]} of ${difference}`);
    }
  }
});

test('expected gradients are the mean over drawn starts and places on the way', async (t) => {
  const model = classifier();
  const background = tensorOf(17, [3, 6, 6, 2]);
  const found = await expectedGradients(model, images(), pairs, { background, samples: 4, seed: 2 });
  const x = tf.gather(images(), [1, 0]);
  const terms = [0, 1, 2, 3].map((i) => {
    const random = randomFor(2, 'expected gradients', i);
    const [row, place] = [random.integer(3), random.next()];
    const way = tf.sub(x, tf.slice(background, row, 1));
    const at = tf.add(tf.slice(background, row, 1), tf.mul(way, place));
    const own = pairs.map(({ class: label }, sample) => ({ sample, class: label }));
    return tf.mul(way, gradientMaps(model, at, own));
  });
  const error = tf.max(tf.abs(tf.sub(found, tf.div(tf.addN(terms), 4)))).dataSync()[0]!;
  t.true(error < 1e-6, `differs by ${error}`);
});

test('expected gradients add up, in the mean, to the score less the mean score of the background', async (t) => {
  const model = classifier('tanh');
  const background = tensorOf(17, [2, 6, 6, 2]);
  const found = await expectedGradients(model, images(), pairs, { background, samples: 300, seed: 1 });
  const [whole, starts] = [forward(model, images()).arraySync(), forward(model, background).arraySync()];
  const sums = values(tf.sum(found, [1, 2, 3]));
  for (const [p, { sample, class: label }] of pairs.entries()) {
    const difference = whole[sample]![label]! - (starts[0]![label]! + starts[1]![label]!) / 2;
    t.true(Math.abs(sums[p]! - difference) < 0.05, `${sums[p]} of ${difference}`);
  }
});

test('expected gradients never start from the image itself, and one image alone has no others', async (t) => {
  const model = classifier();
  const twins = tf.tile(tf.slice(images(), 0, 1), [2, 1, 1, 1]);
  const none = await expectedGradients(model, twins, [{ sample: 0, class: 1 }], { samples: 3 });
  t.true(values(none).every((value) => value === 0));
  const alone = tf.slice(images(), 0, 1);
  await t.throwsAsync(expectedGradients(model, alone, [{ sample: 0, class: 1 }]), {
    instanceOf: UsageError,
    message: /^expected gradients start from other images/,
  });
});

test('SmoothGrad is the mean gradient of the noisy images, each noise σ times the range', async (t) => {
  const model = classifier();
  const found = await smoothGrad(model, images(), pairs, { samples: 3, noise: 0.2, seed: 4 });
  const [, ...shape] = images().shape;
  const rows = tf.gather(images(), [1, 0]);
  const range = tf.sub(tf.max(rows, [1, 2, 3], true), tf.min(rows, [1, 2, 3], true));
  const gradients = [0, 1, 2].map((draw) => {
    const noise = tf.tensor(normals(72, 4, draw), [1, ...shape]);
    const noisy = tf.add(rows, tf.mul(tf.mul(range, 0.2), noise));
    return gradientMaps(
      model,
      noisy,
      pairs.map(({ class: label }, sample) => ({ sample, class: label })),
    );
  });
  const error = tf.max(tf.abs(tf.sub(found, tf.div(tf.addN(gradients), 3)))).dataSync()[0]!;
  t.true(error < 1e-6, `differs by ${error}`);
});

test('SmoothGrad: a seed makes it repeatable, and an image does not depend on its neighbours', async (t) => {
  const model = classifier();
  const options = { samples: 2, noise: 0.3, seed: 1 };
  const together = values(await smoothGrad(model, images(), pairs, options));
  t.deepEqual(values(await smoothGrad(model, images(), pairs, options)), together);
  const alone = tf.slice(images(), [1, 0, 0, 0], [1, 6, 6, 2]);
  const single = values(await smoothGrad(model, alone, [{ sample: 0, class: 2 }], options));
  single.forEach((value, i) => {
    t.true(Math.abs(value - together[i]!) < 1e-6);
  });
  t.notDeepEqual(values(await smoothGrad(model, images(), pairs, { ...options, seed: 2 })), together);
});

test('the noise is normal: mean 0, deviation 1, three per mille beyond three', (t) => {
  const draws = normals(100_000, 3);
  const mean = draws.reduce((sum, value) => sum + value, 0) / draws.length;
  const variance = draws.reduce((sum, value) => sum + (value - mean) ** 2, 0) / draws.length;
  const beyond = draws.filter((value) => Math.abs(value) > 3).length / draws.length;
  t.true(Math.abs(mean) < 0.01 && Math.abs(variance - 1) < 0.02, `mean ${mean}, variance ${variance}`);
  t.true(Math.abs(beyond - 0.0027) < 0.0007, `${beyond} beyond three`);
});

test.serial(
  'a long method tells how far it is, ends when it is told to, and leaves no tensor behind',
  async (t) => {
    const model = classifier();
    const x = images();
    const told: string[] = [];
    const live = tf.memory().numTensors;
    const found = await integratedGradients(model, x, pairs, {
      steps: 2,
      batchSize: 1,
      onProgress: (done, all) => told.push(`${done}/${all}`),
    });
    t.deepEqual(told, ['1/4', '2/4', '3/4', '4/4']);
    found.dispose();
    const end = new AbortController();
    const stopped = smoothGrad(model, x, pairs, {
      signal: end.signal,
      batchSize: 1,
      samples: 3,
      onProgress: (done) => {
        if (done === 4) end.abort(new UsageError('enough'));
      },
    });
    await t.throwsAsync(stopped, { message: 'enough' });
    t.is(tf.memory().numTensors, live);
  },
);

test('no pairs give no attributions', async (t) => {
  const model = classifier();
  t.deepEqual(gradientMaps(model, images(), []).shape, [0, 6, 6, 2]);
  t.deepEqual((await smoothGrad(model, images(), [])).shape, [0, 6, 6, 2]);
});

test('what does not fit is named', async (t) => {
  const model = classifier();
  const fails = (make: () => unknown, message: string | RegExp) =>
    t.throwsAsync(async () => make(), { instanceOf: UsageError, message });
  await fails(
    () => gradientMaps(model, images(), [{ sample: 2, class: 0 }]),
    'pair 0 { sample: 2, class: 0 }: sample must be a whole number from 0 to 1, the batch holds 2',
  );
  await fails(
    () => gradientMaps(model, images(), [pairs[0]!, { sample: 0, class: 3 }]),
    'pair 1 { sample: 0, class: 3 }: class must be a whole number from 0 to 2, the model scores 3',
  );
  await fails(() => gradientMaps(model, images(), pairs, { input: 1 }), /^input: there is no 1; there are 0/);
  await fails(
    () => gradientMaps(model, images(), pairs, { batchSize: 0 }),
    'batchSize: expected a whole number of at least 1, received 0',
  );
  await fails(
    () => integratedGradients(model, images(), pairs, { steps: 0 }),
    'steps: expected a whole number of at least 1, received 0',
  );
  await fails(
    () => integratedGradients(model, images(), pairs, { baseline: tf.zeros([6, 6, 3]) }),
    'baseline: expected [6, 6, 2], or one for each image, received [6, 6, 3]',
  );
  await fails(() => smoothGrad(model, images(), pairs, { samples: 0 }), /^samples, noise: expected/);
});
