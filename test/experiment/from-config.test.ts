import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { parseConfig } from '../../src/config/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { ConfigError, ModelError, UsageError } from '../../src/errors/index.ts';
import { buildExperimentModel, checkModelConfig } from '../../src/experiment/model-from-config.ts';
import { masksAreRead, pairCapacityFor } from '../../src/experiment/objective-from-config.ts';
import { buildModel, freezeLayers, saveLayersModel } from '../../src/models/index.ts';

test.before(() => startEngine({ engine: 'cpu' }));

test('`model.freeze` says everything: what was frozen in the loaded weights is trained again', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'gain-experiment-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const saved = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 2, widths: [2, 3] });
  freezeLayers(saved, ['conv*']);
  await saveLayersModel(saved, folder);

  const trained = async (freeze: string[]) => {
    const overrides = [
      `model.weights=${folder}`,
      'data.imageSize=[8, 8]',
      `model.freeze=${JSON.stringify(freeze)}`,
    ];
    const model = await buildExperimentModel(parseConfig('name: x', 'x.yaml', overrides), 2);
    return model.trainableWeights.map((weight) => weight.originalName);
  };
  t.true((await trained([])).includes('conv1_1/kernel'));
  const without = await trained(['conv1_1']);
  t.false(without.includes('conv1_1/kernel'));
  t.true(without.includes('conv2_1/kernel'));
});

test('masks are asked for where a term, or a module of the user’s own, reads them', (t) => {
  const read = (...overrides: string[]) => masksAreRead(parseConfig('name: x', 'x.yaml', overrides));
  const some = 'data.masks={ split: train-fullsup, count: 4 }';
  const none = 'data.masks={ count: 0 }';
  const unsupervised = 'gain.losses.supervision={ weight: 0 }';
  t.true(read(some));
  t.false(read(some, unsupervised));
  t.false(read(none));
  t.true(read(some, unsupervised, 'guidance.losses.energy={ weight: 1 }'));
  t.true(read(some, unsupervised, 'training.module={ file: own.js }'));
  const composites = 'data.composites={ suspects: [boat], perBatch: 4 }';
  t.false(read(some, unsupervised, composites));
  t.true(read(some, composites));
});

test('`model.inputScaling` with numbers of its own', async (t) => {
  const built = (scaling: string) => {
    const overrides = ['data.imageSize=[8, 8]', `model.inputScaling=${scaling}`];
    return buildExperimentModel(parseConfig('name: x', 'x.yaml', overrides), 2);
  };
  const plain = await built('zero-one');
  const bytes = await built('{ mean: [0, 0, 0], std: [0.25, 0.5, 1] }');
  tf.tidy(() => {
    const x = tf.randomUniform([1, 8, 8, 3]);
    const expected = plain.predict(tf.mul(x, [4, 2, 1])) as tf.Tensor;
    const difference = tf.max(tf.abs(tf.sub(bytes.predict(x) as tf.Tensor, expected)));
    t.true(difference.dataSync()[0]! < 1e-6);
  });
  await t.throwsAsync(built('{ mean: [0], std: [1] }'), {
    instanceOf: ModelError,
    message: /a mean and a positive std for each of 3 channels/,
  });
});

test('the number of pairs that a batch is padded to: mean and two standard deviations', (t) => {
  // Half of the images have one label, half have two: mean 1.5, variance 0.25.
  // 16 · 1.5 + 2 · √(16 · 0.25) = 28.
  t.is(pairCapacityFor([0, 50, 50], 16), 28);
  // 100 · 1.5 + 2 · √(100 · 0.25) = 160, and 9 · 1.5 + 2 · √(9 · 0.25) = 16.5, to the next multiple of 4, but
  // no more than 9 images can have.
  t.is(pairCapacityFor([0, 50, 50], 100), 160);
  t.is(pairCapacityFor([0, 50, 50], 9), 18);
  t.is(pairCapacityFor([0, 10], 8), 8);
});

test('data.frames: a network of clips, and nothing that is made of images alone', async (t) => {
  const config = (...set: string[]) => parseConfig('name: x', 'x.yaml', ['data.imageSize=[8, 8]', ...set]);
  const clips = config('data.frames=4', 'model.backbone=small-cnn-3d', 'model.options={ widths: [2, 3] }');
  t.notThrows(() => checkModelConfig(clips));
  const model = await buildExperimentModel(clips, 2);
  t.deepEqual(model.inputs[0]!.shape, [null, 4, 8, 8, 3]);
  t.throws(() => checkModelConfig(config('data.frames=4')), {
    instanceOf: UsageError,
    message: 'model.backbone: small-cnn takes images, and data.frames is 4; expected small-cnn-3d',
  });
  t.throws(() => checkModelConfig(config('model.backbone=small-cnn-3d')), {
    message: /^model.backbone: small-cnn-3d takes clips, and data.frames is null; expected small-cnn, /,
  });
  for (const [set, message] of [
    [
      'data.composites={ suspects: all }',
      /with data.frames, expected null: composites are made of images alone/,
    ],
    [
      'guidance.losses.energy.weight=1',
      /with data.frames, expected 0: of clips, gain.losses.mining and supervision/,
    ],
  ] as const) {
    t.throws(() => config('data.frames=4', set), { instanceOf: ConfigError, message });
  }
});
