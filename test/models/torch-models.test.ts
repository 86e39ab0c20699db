import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import {
  loadLayersModel,
  loadMappedWeights,
  loadStateDict,
  loadTorchModel,
  saveLayersModel,
} from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';
import { torchReference as reference, safetensors, values } from './torch-file.ts';

const files = fileURLToPath(new URL('../fixtures/torch-files/', import.meta.url));

let folder: string;

test.before(async () => {
  await startTestEngine('onnx');
  folder = await mkdtemp(join(tmpdir(), 'gain-torch-'));
});

test.after.always(() => rm(folder, { recursive: true }));

const quiet = { onNote: () => undefined };

/** Millions of weights, of families that smaller ones stand for: with GAIN_TORCH=all. */
const large = /resnet34|resnet50|mobilenet_v2$|v3_large|mobilenetv3_small|efficientnet_b1|mobilenetv1/;
const all = process.env.GAIN_TORCH === 'all';

for (const { title, size, tensors, logits } of reference.cases) {
  const run = large.test(title) && !all ? test.serial.skip : test.serial;
  run(`${title}: recognised by its weights, and its logits`, async (t) => {
    const file = join(folder, 'weights.safetensors');
    await writeFile(file, safetensors(tensors));
    const model = await loadTorchModel(file, { inputSize: [size, size] });
    const image = tf.tensor4d(Float32Array.from(values('image', size * size * 3)), [1, size, size, 3]);
    const output = model.predict(image) as tf.Tensor;
    const actual = await output.data();
    t.deepEqual(output.shape, [1, reference.classes]);
    const scale = Math.max(...logits.map(Math.abs));
    const error = Math.max(...logits.map((one, c) => Math.abs(one - actual[c]!))) / scale;
    t.true(error < 1e-4, `relative error ${error}`);
    model.dispose();
    tf.dispose([image, output]);
  });
}

test.serial('a model that was filled is saved and loaded as any other', async (t) => {
  const vit = reference.cases.find(({ title }) => title.includes('registers'))!;
  const file = join(folder, 'vit.safetensors');
  await writeFile(file, safetensors(vit.tensors));
  const model = await loadLayersModel(file);
  t.deepEqual(model.inputs[0]!.shape, [null, 42, 42, 3], 'the size is seen from the positions');
  await saveLayersModel(model, join(folder, 'vit'));
  const again = await loadLayersModel(join(folder, 'vit'));
  const image = tf.randomUniform([1, 42, 42, 3], 0, 1, 'float32', 3);
  const [a, b] = [model, again].map((one) => (one.predict(image) as tf.Tensor).dataSync());
  t.deepEqual(a, b);
});

test.serial('another number of classes gives a new classifier on the same features', async (t) => {
  const found = reference.cases.find(({ title }) => title.startsWith('torchvision convnext'))!;
  const file = join(folder, 'convnext.safetensors');
  await writeFile(file, safetensors(found.tensors));
  const notes: string[] = [];
  const model = await loadTorchModel(file, {
    inputSize: [32, 32],
    classes: 3,
    onNote: (note) => notes.push(note),
  });
  t.deepEqual(model.outputs[0]!.shape, [null, 3]);
  t.regex(notes.join(), /the classifier of 3 classes starts anew/);
});

const twice = (values: Float32Array) => Array.from(values);

for (const name of ['wrapped.pth', 'small.safetensors']) {
  test.serial(`${name}: names without prefix, any stride, half precision`, async (t) => {
    const dict = await loadStateDict(join(files, name));
    t.deepEqual([...dict.keys()].sort(), [
      'bfloat',
      'conv.bias',
      'conv.weight',
      'count',
      'dense.weight',
      'half',
    ]);
    t.deepEqual(dict.get('conv.weight')!.shape, [2, 3, 2, 2]);
    const single = (drawn: Float64Array) => Array.from(Float32Array.from(drawn));
    t.deepEqual(twice(dict.get('conv.weight')!.values()), single(values('conv', 24)));
    t.deepEqual(twice(dict.get('dense.weight')!.values()), single(values('dense', 6)));
    t.deepEqual(twice(dict.get('half')!.values()), [1.5, -2.25, 65504, 2 ** -24]);
    const [one, two, large] = dict.get('bfloat')!.values();
    t.deepEqual([one, two], [1.5, -2.25]);
    t.true(Math.abs(large! / 1e30 - 1) < 0.005);
    t.deepEqual(twice(dict.get('count')!.values()), [3]);
  });
}

test.serial('a file that would run something is refused, and runs nothing', async (t) => {
  await t.throwsAsync(loadStateDict(join(files, 'hostile.pth')), {
    instanceOf: ModelError,
    message: /names "(posix|nt)\.system", which is not part of a state dict; save model\.state_dict\(\)$/,
  });
  t.false(existsSync('/tmp/this-must-not-be-there'));
});

test.serial('the format before PyTorch 1.6 is named', async (t) => {
  await t.throwsAsync(loadStateDict(join(files, 'old.pth')), {
    instanceOf: ModelError,
    message: /not a file of torch\.save as it writes since PyTorch 1\.6 \(a zip\)/,
  });
});

test.serial('damaged files are typed errors, wherever they are cut or changed', async (t) => {
  for (const name of ['wrapped.pth', 'small.safetensors']) {
    const bytes = await readFile(join(files, name));
    const file = join(folder, name);
    for (let i = 0; i < bytes.length; i += Math.ceil(bytes.length / 60)) {
      for (const damaged of [bytes.subarray(0, i), flipped(bytes, i)]) {
        await writeFile(file, damaged);
        try {
          for (const tensor of (await loadStateDict(file)).values()) tensor.values();
        } catch (error) {
          t.true(error instanceof ModelError, `${name} at ${i}: ${String(error)}`);
        }
      }
    }
  }
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at]! ^= 0x2a;
  return copy;
}

test.serial('weights of a network that is not known here say so', async (t) => {
  await t.throwsAsync(loadTorchModel(join(files, 'small.safetensors')), {
    instanceOf: ModelError,
    message: /are of no network that is known here; a mapping file fills a model of your own$/,
  });
  const find = (title: string) => reference.cases.find((one) => one.title.startsWith(title))!;
  const file = join(folder, 'other.safetensors');
  const more: [string, number[]][] = [['dist_token', [1, 1, 192]]];
  await writeFile(file, safetensors([...find('timm vit').tensors, ...more]));
  await t.throwsAsync(loadTorchModel(file), {
    instanceOf: ModelError,
    message: /it is a DeiT with a token of distillation, which is not built here$/,
  });
  const odd = find('torchvision convnext').tensors.map(([name, shape]): [string, number[]] => [
    name.replace('features.7.0.block.3.weight', 'features.7.0.block.3.wait'),
    shape,
  ]);
  await writeFile(file, safetensors(odd));
  await t.throwsAsync(loadTorchModel(file, quiet), {
    instanceOf: ModelError,
    message:
      /it has no weight for "kernel" of layer "stage4_1_expand", which is looked for as "features\.7\.0\.block\.3\.weight"$/,
  });
});

function small(): tfl.LayersModel {
  return tfl.sequential({
    layers: [
      tfl.layers.conv2d({ name: 'first', filters: 2, kernelSize: 2, inputShape: [4, 4, 3] }),
      tfl.layers.globalAveragePooling2d({ name: 'pool' }),
      tfl.layers.dense({ name: 'scores', units: 3, useBias: false }),
    ],
  });
}

test.serial('a mapping fills any model', async (t) => {
  const model = small();
  const map = join(folder, 'map.yaml');
  // The file's dense layer has 3 inputs and 2 units: it fits the model only as it lies, by its name.
  await writeFile(map, 'layers:\n  fir*: conv\nkeep: [scores]\nignore: ["dense.*", half, bfloat, count]\n');
  await loadMappedWeights(model, join(files, 'small.safetensors'), map);
  const [kernel, bias] = model.getLayer('first').getWeights();
  const source = values('conv', 24);
  const [o, i, y, x] = [1, 2, 0, 1];
  t.true(
    Math.abs((kernel!.arraySync() as number[][][][])[y]![x]![i]![o]! - source[12 * o + 4 * i + 2 * y + x]!) <
      1e-7,
  );
  t.deepEqual([...bias!.dataSync()], [0.5, -0.25]);

  const load = (mapping: object) =>
    loadMappedWeights(model, join(files, 'small.safetensors'), mapping as never);
  await t.throwsAsync(load({ layers: { nowhere: 'conv' } }), {
    instanceOf: ModelError,
    message: /"nowhere" is no layer with weights of model/,
  });
  await t.throwsAsync(load({ layers: { first: 'conv' }, keep: ['scores'] }), {
    instanceOf: ModelError,
    message: /4 of its weights belong to no layer of the model: /,
  });
  await t.throwsAsync(load({ layers: { first: 'conv', scores: 'dense' } }), {
    instanceOf: ModelError,
    message: /tensor "dense\.weight": \[2,3\] does not fit "kernel" of layer "scores" \(Dense\), \[2,3\]$/,
  });
});
