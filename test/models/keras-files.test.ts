import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import { loadLayersModel } from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

/** Made by test/reference/keras_files.py. */
const folder = fileURLToPath(new URL('../fixtures/keras-files/', import.meta.url));

test.before(() => startTestEngine());

for (const name of ['nested.keras', 'nested.h5']) {
  test.serial(`${name} gives the scores of Keras`, async (t) => {
    const { answer } = JSON.parse(await readFile(join(folder, 'answer.json'), 'utf8')) as {
      answer: number[];
    };
    const before = tf.memory().numTensors;
    const model = await loadLayersModel(join(folder, name));
    const pixels = tf.tensor4d(
      Float32Array.from({ length: 192 }, (_, i) => (i * 37) % 256),
      [1, 8, 8, 3],
    );
    const scores = (model.predict(pixels) as tf.Tensor).dataSync();
    for (const [c, expected] of answer.entries()) t.true(Math.abs(scores[c]! - expected) < 1e-5);
    t.deepEqual(
      model.layers.map((layer) => layer.name),
      [
        'image',
        'pixels',
        'inner',
        'b_dw',
        'a_shared',
        'add',
        'multiply',
        'dropout',
        'maps',
        'global_average_pooling2d',
        'flatten',
        'scores',
      ],
    );
    t.is(
      tf.memory().numTensors - before,
      model.weights.length + 2,
      'nothing but weights, picture and scores',
    );
  });
}

const damaged: [title: string, source: string, damage: (bytes: Buffer) => Buffer, message: RegExp][] = [
  [
    'weights alone',
    'only.weights.h5',
    (bytes) => bytes,
    /it holds no description of a model \(weights alone\?\)/,
  ],
  ['cut short', 'nested.keras', (bytes) => bytes.subarray(0, 900), /this is no zip archive that can be read/],
  ['no HDF5', 'nested.h5', () => Buffer.from('not hdf5 at all'), /this is not HDF5 that can be read/],
];

for (const [title, source, damage, message] of damaged) {
  test.serial(`a damaged file is a typed error: ${title}`, async (t) => {
    const dir = await mkdtemp(join(tmpdir(), 'gain-keras-'));
    t.teardown(() => rm(dir, { recursive: true }));
    const file = join(dir, source);
    await writeFile(file, damage(await readFile(join(folder, source))));
    await t.throwsAsync(loadLayersModel(file), { instanceOf: ModelError, message });
  });
}

test.serial('every cut of the files is a typed error', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'gain-keras-'));
  t.teardown(() => rm(dir, { recursive: true }));
  for (const name of ['nested.keras', 'nested.h5']) {
    const bytes = await readFile(join(folder, name));
    for (let i = 1; i < 12; i++) {
      const file = join(dir, name);
      await writeFile(file, bytes.subarray(0, Math.floor((bytes.length * i) / 12)));
      await t.throwsAsync(loadLayersModel(file), { instanceOf: ModelError }, `${name} at ${i} of 12`);
    }
  }
});
