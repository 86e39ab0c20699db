import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import {
  buildModel,
  freezeLayers,
  loadLayersModel,
  saveLayersModel,
  unfreezeLayers,
} from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

test.before(() => startTestEngine());

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'gain-models-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

const build = (seed = 1) =>
  buildModel('wide-resnet', {
    inputShape: [8, 8, 3],
    classes: 3,
    depth: 10,
    width: 1,
    unitDropout: 0.5,
    seed,
  });

const images = () => tf.randomUniform([2, 8, 8, 3], 0, 1, 'float32', 5);

function logits(model: tfl.LayersModel): Float32Array {
  return tf.tidy(() => (model.predict(images()) as tf.Tensor).dataSync() as Float32Array).slice();
}

/** Stock tfjs's own way to load, with nothing of this package. */
async function loadWithStockTfjs(dir: string): Promise<tfl.LayersModel> {
  const json = JSON.parse(await readFile(join(dir, 'model.json'), 'utf8'));
  const handler = tf.io.fromMemory({
    modelTopology: json.modelTopology,
    weightSpecs: json.weightsManifest[0].weights,
    weightData: new Uint8Array(await readFile(join(dir, json.weightsManifest[0].paths[0]))).buffer,
  });
  return tfl.loadLayersModel(handler);
}

test.serial('a saved model is the same model again, here and in stock tfjs', async (t) => {
  const dir = join(await folder(t), 'not', 'there', 'yet');
  const model = build();
  // A second model of the same kind in the process: its variables have other names, its file has not.
  const twin = build(2);
  await saveLayersModel(model, dir);
  t.deepEqual((await readdir(dir)).sort(), ['model.json', 'weights.bin']);
  t.deepEqual((await readdir(join(dir, '..'))).length, 1, 'no temporary folder is left');
  const expected = logits(model);
  for (const loaded of [
    await loadLayersModel(dir),
    await loadLayersModel(join(dir, 'model.json')),
    await loadWithStockTfjs(dir),
  ]) {
    t.deepEqual(logits(loaded), expected);
    t.deepEqual(
      loaded.layers.map(({ name }) => name),
      model.layers.map(({ name }) => name),
    );
  }
  await saveLayersModel(twin, dir);
  t.deepEqual(logits(await loadLayersModel(dir)), logits(twin), 'saving again replaces it');
  t.deepEqual((await readdir(dir)).sort(), ['model.json', 'weights.bin']);
});

test.serial('other files of the folder are kept', async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, 'notes.txt'), 'mine');
  await saveLayersModel(build(), dir);
  t.is(await readFile(join(dir, 'notes.txt'), 'utf8'), 'mine');
  t.deepEqual((await readdir(dir)).sort(), ['model.json', 'notes.txt', 'weights.bin']);
});

test.serial('loading leaves no tensors behind but the weights', async (t) => {
  const dir = await folder(t);
  await saveLayersModel(build(), dir);
  const before = tf.memory().numTensors;
  const model = await loadLayersModel(dir);
  t.is(tf.memory().numTensors - before, model.weights.length);
  model.dispose();
  t.is(tf.memory().numTensors, before);
});

test.serial('a frozen layer is frozen after loading, and can be trained again', async (t) => {
  const dir = await folder(t);
  const model = build();
  freezeLayers(model, ['block1_*', 'conv1']);
  await saveLayersModel(model, dir);
  const loaded = await loadLayersModel(dir);
  const names = (weights: tfl.LayerVariable[]) => weights.map(({ originalName }) => originalName).sort();
  t.deepEqual(names(loaded.trainableWeights), names(model.trainableWeights));
  t.false(loaded.getLayer('block1_1_bn1').trainable);
  unfreezeLayers(loaded);
  t.deepEqual(names(loaded.trainableWeights), names(build().trainableWeights));
});

test.serial('a model that tfjs could not load again is not saved', async (t) => {
  const dir = join(await folder(t), 'model');
  const part = tfl.sequential({ layers: [tfl.layers.dense({ name: 'out', units: 2, inputShape: [2] })] });
  const model = tfl.sequential({ layers: [part, tfl.layers.dense({ name: 'out', units: 1 })] });
  await t.throwsAsync(saveLayersModel(model, dir), {
    instanceOf: ModelError,
    message:
      /model: a model with two weights called "out\/kernel" cannot be saved; give its layers different names$/,
  });
  await t.throwsAsync(stat(dir), { code: 'ENOENT' });
});

const broken: [title: string, message: RegExp, damage: (dir: string) => Promise<void>][] = [
  ['no folder', /no-such: there is no such file or folder$/, async (dir) => rm(dir, { recursive: true })],
  ['no model.json', /model\.json: this file is missing$/, async (dir) => rm(join(dir, 'model.json'))],
  ['no weights', /weights\.bin: this file is missing$/, async (dir) => rm(join(dir, 'weights.bin'))],
  [
    'weights cut short',
    /weights\.bin: the weights are cut short: expected \d+ bytes, found 1000$/,
    async (dir) => truncate(join(dir, 'weights.bin'), 1000),
  ],
  [
    'weights of another model',
    /weights\.bin: there are more weights than the model has: expected (\d+) bytes, found \d+$/,
    async (dir) => {
      const { size } = await stat(join(dir, 'weights.bin'));
      await writeFile(join(dir, 'weights.bin'), Buffer.alloc(size + 4));
    },
  ],
  ['not JSON', /model\.json: this is not JSON: /, async (dir) => truncate(join(dir, 'model.json'), 100)],
  [
    'a graph-model',
    /model\.json: this is a graph-model, which cannot be trained; convert/,
    async (dir) => writeFile(join(dir, 'model.json'), '{"format":"graph-model","modelTopology":{"node":[]}}'),
  ],
  [
    'no model at all',
    /model\.json: this is not a tfjs layers-model: it has no "modelTopology"$/,
    async (dir) => writeFile(join(dir, 'model.json'), '{"name":"x"}'),
  ],
  [
    'a layer that tfjs does not know',
    /model\.json: tfjs cannot build this model: Unknown layer: FancyConv/,
    async (dir) => {
      const file = join(dir, 'model.json');
      const text = await readFile(file, 'utf8');
      await writeFile(file, text.replace('"class_name":"Conv2D"', '"class_name":"FancyConv"'));
    },
  ],
];

for (const [title, message, damage] of broken) {
  test.serial(`loading says what is wrong with the files: ${title}`, async (t) => {
    const dir = join(await folder(t), 'no-such');
    await saveLayersModel(build(), dir);
    await damage(dir);
    await t.throwsAsync(loadLayersModel(dir), { instanceOf: ModelError, message });
  });
}
