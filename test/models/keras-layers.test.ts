import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import { loadLayersModel, saveLayersModel } from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

interface Case {
  name: string;
  shape: number[];
  keras3: object;
  keras2?: object;
  weights: { name: string; shape: number[]; values: number[] }[];
  answerShape: number[];
  answer: number[];
}

/** Made by test/reference/keras_layers.py. */
const reference = JSON.parse(
  readFileSync(new URL('../fixtures/keras-layers.json', import.meta.url), 'utf8'),
) as {
  cases: Case[];
  refused: (Case & { word: string })[];
};

let folder: string;

test.before(async () => {
  await startTestEngine();
  folder = await mkdtemp(join(tmpdir(), 'gain-keras-'));
});

test.after.always(() => rm(folder, { recursive: true }));

/** A model.json as `tensorflowjs_converter` writes it. */
async function write(version: string, model: object, weights: Case['weights']): Promise<string> {
  const dir = await mkdtemp(join(folder, 'case-'));
  const specs = weights.map(({ name, shape }) => ({ name, shape, dtype: 'float32' }));
  const json = {
    format: 'layers-model',
    modelTopology: { keras_version: version, backend: 'tensorflow', model_config: model },
    weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: specs }],
  };
  await writeFile(join(dir, 'model.json'), JSON.stringify(json));
  const values = weights.flatMap((weight) => weight.values);
  await writeFile(join(dir, 'group1-shard1of1.bin'), new Uint8Array(Float32Array.from(values).buffer));
  return dir;
}

/** The formula of the reference. */
function image(shape: number[]): tf.Tensor {
  const phase = [...'image'].reduce((sum, char, i) => sum + (i + 1) * char.charCodeAt(0), 0) % 1000;
  const count = 2 * shape.reduce((a, b) => a * b, 1);
  const drawn = Float32Array.from({ length: count }, (_, j) => {
    const x = Math.sin(j * 12.9898 + phase) * 43758.5453;
    return Math.round((2 * (x - Math.floor(x)) - 1) * 1e4) / 1e4;
  });
  return tf.tensor(drawn, [2, ...shape]);
}

function furthest(model: tfl.LayersModel, { shape, answer, answerShape }: Case) {
  return tf.tidy(() => {
    const output = model.predict(image(shape)) as tf.Tensor;
    const values = output.dataSync();
    const errors = answer.map((one, i) => Math.abs(one - values[i]!) / Math.max(1, Math.abs(one)));
    const error = errors.reduce((a, b) => (b > a || Number.isNaN(b) ? b : a), 0);
    return { shape: output.shape, expected: answerShape, error };
  });
}

const kernelNames = (weights: Case['weights']) =>
  weights.map((weight) =>
    /depthwise_conv2d.*\/kernel$/.test(weight.name)
      ? { ...weight, name: weight.name.replace(/kernel$/, 'depthwise_kernel') }
      : weight,
  );

for (const one of reference.cases) {
  test.serial(
    `${one.name}: the numbers of Keras, in its third and second dialect, and saved again`,
    async (t) => {
      const models: [string, tfl.LayersModel][] = [];
      const quiet = { onNote: () => undefined };
      models.push(['keras 3', await loadLayersModel(await write('3.15.1', one.keras3, one.weights), quiet)]);
      if (one.keras2) {
        // Keras 2 names no outer model, and the kernel of a depthwise convolution otherwise.
        const weights = kernelNames(one.weights).map((weight) => ({
          ...weight,
          name: weight.name.split('/').slice(-2).join('/'),
        }));
        models.push(['keras 2', await loadLayersModel(await write('2.15.0', one.keras2, weights), quiet)]);
      }
      const again = join(folder, `again-${models.length}-${Math.abs(hash(one.name))}`);
      const names = models[0]![1].weights.map(({ originalName }) => originalName);
      if (new Set(names).size === names.length) {
        await saveLayersModel(models[0]![1], again);
        models.push(['saved again', await loadLayersModel(again)]);
      }
      for (const [dialect, model] of models) {
        const { shape, expected, error } = furthest(model, one);
        t.deepEqual(shape, expected, dialect);
        t.true(error < 2e-5, `${dialect}: relative error ${error}`);
        model.dispose();
      }
    },
  );
}

function hash(text: string): number {
  return [...text].reduce((sum, char) => (Math.imul(sum, 31) + char.charCodeAt(0)) | 0, 7);
}

for (const { name, word, keras3, weights } of reference.refused) {
  test.serial(`${name} is refused by name`, async (t) => {
    const dir = await write('3.15.1', keras3, weights);
    const error = await t.throwsAsync(loadLayersModel(dir), { instanceOf: ModelError });
    t.true(error.message.includes(word), error.message);
  });
}

test('there are at least sixty cases', (t) => {
  t.true(reference.cases.length >= 60);
});
