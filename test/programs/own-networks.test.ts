import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import { loadLayersModel, saveLayersModel } from '../../src/models/index.ts';
import { loadTeacher, openTrainedNetwork } from '../../src/run/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';
import { safetensors, torchReference } from '../models/torch-file.ts';
import { callProgram } from './call-program.ts';
import { importSquares } from './own-network-scene.ts';

const fixtures = fileURLToPath(new URL('../fixtures/', import.meta.url));
let folder = '';
let three: Awaited<ReturnType<typeof importSquares>>;
let two: Awaited<ReturnType<typeof importSquares>>;
const names = ['blue', 'green', 'red'];

test.before(async (t) => {
  t.timeout(60_000);
  await startTestEngine();
  folder = await mkdtemp(join(tmpdir(), 'gain-own-'));
  three = await importSquares(join(folder, 'three'), names);
  two = await importSquares(join(folder, 'two'), ['cat', 'dog']);
  await mkdir(join(folder, 'keras'));
  for (const ending of ['keras', 'h5']) {
    await copyFile(join(fixtures, `keras-files/nested.${ending}`), join(folder, `keras/net.${ending}`));
  }
  await writeFile(join(folder, 'keras', 'labels.txt'), '0 blue\n1 green\n2 red\n');
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const seeded = (seed: number) => tfl.initializers.glorotUniform({ seed });

function oneUnit(...end: tfl.layers.Layer[]): tfl.Sequential {
  return tfl.sequential({
    name: 'one_unit',
    layers: [
      tfl.layers.conv2d({
        inputShape: [16, 16, 3],
        filters: 4,
        kernelSize: 3,
        activation: 'relu',
        name: 'maps',
        kernelInitializer: seeded(1),
      }),
      tfl.layers.globalAveragePooling2d({}),
      ...end,
    ],
  });
}

const dense = (units: number, activation?: 'sigmoid' | 'softmax') =>
  tfl.layers.dense({ units, kernelInitializer: seeded(2), ...(activation && { activation }) });

async function worked(t: ExecutionContext, ...argv: string[]) {
  const called = await callProgram(...argv);
  t.is(called.code, 0, `${argv.join(' ')}\n${called.stderr}`);
  return called;
}

/** Every program that takes a network, with the same network and data. */
async function everyProgram(
  t: ExecutionContext,
  model: string,
  data: string,
  photo: string,
  out: string,
  ...toExport: string[]
) {
  const explained = await worked(t, 'explain', '--model', model, '--image', photo, '--out', join(out, 'e'));
  await worked(t, 'units', '--model', model, '--feature-maps', photo, '--out', join(out, 'u'));
  const evaluated = await worked(
    t,
    ...['evaluate', '--model', model, '--data', data, '--split', 'test', '--threshold', '0.5'],
    ...['--bootstrap', '0', '--json'],
  );
  await worked(
    t,
    ...['audit', '--model', model, '--data', data, '--split', 'test', '--masks', 'true', '--per-cell', '2'],
    ...['--limit', '4', '--bootstrap', '10', '--out', join(out, 'a')],
  );
  await worked(
    t,
    ...['segment', '--model', model, '--data', data, '--mask-split', 'train', '--mask-count', '3'],
    ...['--steps', '2', '--folds', '0', '--split', 'test'],
  );
  const exported = await worked(
    t,
    ...[
      'export',
      '--model',
      model,
      '--with-map',
      'grad-cam',
      '--out',
      join(out, 'net.onnx'),
      '--json',
      ...toExport,
    ],
  );
  const list = JSON.parse(await readFile(join(out, 'e', 'explanations.json'), 'utf8'));
  return {
    explained,
    list,
    metrics: JSON.parse(evaluated.stdout),
    exported: JSON.parse(exported.stdout),
  };
}

test.serial('.keras in every program, with the names and the scaling of its files', async (t) => {
  const file = join(folder, 'keras', 'net.keras');
  const out = join(folder, 'out-keras');
  const { explained, list, metrics, exported } = await everyProgram(
    t,
    file,
    three.data,
    three.photos[1]!,
    out,
  );
  t.is(list.model, 'net');
  t.true(explained.stderr.includes('pixels   zero-255: the network begins with a rescaling of its own'));
  t.deepEqual(list.images[0].classes.map((one: { class: string }) => one.class).sort(), names);
  t.is(metrics.dataset.images, 6);
  t.deepEqual(JSON.parse(exported.classes), names);
  const teacher = await loadTeacher(file, { classes: names, imageSize: [8, 8] });
  const network = await openTrainedNetwork({ model: file });
  const h5 = await openTrainedNetwork({ model: join(folder, 'keras', 'net.h5') });
  const image = tf.randomUniform([1, 8, 8, 3], 0, 1, 'float32', 5);
  const [one, other, third] = [teacher, network.model, h5.model].map((model) =>
    (model.predict(image) as tf.Tensor).dataSync(),
  );
  t.deepEqual(one, other);
  t.deepEqual(third, other);
  t.deepEqual([network.classes, h5.classes], [names, names]);
  const twice = await callProgram('explain', '--model', join(folder, 'keras'), '--image', three.photos[0]!);
  t.regex(twice.stderr, /holds 2 networks, net\.h5, net\.keras; name one of them/);
});

test.serial('.onnx in every program', async (t) => {
  const source = join(folder, 'keras', 'net.keras');
  const file = join(folder, 'onnx', 'net.onnx');
  await worked(t, 'export', '--model', source, '--out', file);
  await writeFile(join(folder, 'onnx', 'classes.json'), JSON.stringify(names));
  const { list, metrics } = await everyProgram(
    t,
    file,
    three.data,
    three.photos[0]!,
    join(folder, 'out-onnx'),
    ...['--output', '0'],
  );
  t.deepEqual(list.images[0].classes.map((one: { class: string }) => one.class).sort(), names);
  // The file holds the scaling of the network that it was made of, and gives its scores.
  const [made, given] = [
    await openTrainedNetwork({ model: file }),
    await openTrainedNetwork({ model: source }),
  ];
  const image = tf.randomUniform([2, 8, 8, 3], 0, 1, 'float32', 5);
  const [a, b] = [made, given].map(({ model }) => ([model.predict(image)].flat()[0] as tf.Tensor).dataSync());
  for (const [i, value] of a!.entries()) t.true(Math.abs(value - b![i]!) < 1e-5);
  t.is(metrics.dataset.images, 6);
});

test.serial('.safetensors: size, scaling and names are found; attention maps by name', async (t) => {
  const vit = torchReference.cases.find(({ title }) => title.includes('registers'))!;
  const dir = join(folder, 'vit');
  await mkdir(dir);
  await writeFile(join(dir, 'model.safetensors'), safetensors(vit.tensors));
  const labels = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name, i) => [i, name]));
  await writeFile(
    join(dir, 'config.json'),
    JSON.stringify({ id2label: labels, pretrained_cfg: { mean: [0.5, 0.5, 0.5], std: [0.5, 0.5, 0.5] } }),
  );
  const out = join(folder, 'out-vit');
  const { stderr } = await worked(
    t,
    ...['explain', '--model', dir, '--image', three.photos[0]!, '--class', 'c', '--out', out],
    ...['--method', 'rollout', 'gradient_attention', 'gradcam'],
  );
  t.true(stderr.includes('pixels   minus-one-one: config.json beside it says so'));
  const list = JSON.parse(await readFile(join(out, 'explanations.json'), 'utf8'));
  t.deepEqual(Object.keys(list.images[0].classes[0].methods), [
    'attention-rollout',
    'gradient-attention',
    'grad-cam',
  ]);
  const asked = ['explain', '--model', join(dir, 'model.safetensors'), '--image', three.photos[0]!];
  const wrong = await callProgram(...asked, '--input-scaling', 'imagnet', '--out', out);
  t.is(wrong.code, 2);
  t.regex(wrong.stderr, /--input-scaling: expected zero-one, .* received "imagnet"/);
});

for (const [end, layers] of Object.entries({
  sigmoid: () => [dense(1, 'sigmoid')],
  logit: () => [dense(1)],
  'sigmoid layer': () => [dense(1), tfl.layers.activation({ activation: 'sigmoid' })],
  'moved sigmoid': () => [dense(1, 'sigmoid'), tfl.layers.reshape({ targetShape: [1] })],
})) {
  test.serial(`one unit, ${end}: two classes in every program, with its own probabilities`, async (t) => {
    const dir = join(folder, `one-${end}`);
    const model = oneUnit(...layers());
    await saveLayersModel(model, dir);
    const out = join(folder, `out-${end}`);
    if (end === 'sigmoid' || end === 'logit') await everyProgramOfTwo(t, dir, out);
    const network = await openTrainedNetwork({ model: dir, known: { classes: ['cat', 'dog'] } });
    const image = tf.randomUniform([2, 16, 16, 3], 0, 1, 'float32', 4);
    const raw = model.predict(image) as tf.Tensor;
    const yes = (end === 'logit' ? tf.sigmoid(raw) : raw).dataSync();
    const both = tf.softmax(network.model.predict(image) as tf.Tensor).dataSync();
    for (const i of [0, 1]) {
      t.true(Math.abs(both[2 * i + 1]! - yes[i]!) < 1e-6);
      t.true(Math.abs(both[2 * i]! - (1 - yes[i]!)) < 1e-6);
    }
    // A single score without names stays one.
    const alone = await openTrainedNetwork({ model: dir });
    t.deepEqual([alone.link, alone.classes], ['sigmoid', ['0']]);
    const lone = await worked(
      t,
      'export',
      '--model',
      dir,
      '--with-map',
      '--out',
      join(out, 'one.onnx'),
      '--json',
    );
    t.is(JSON.parse(lone.stdout).scores, 'sigmoid');
    const refused = await callProgram(
      'export',
      '--model',
      dir,
      '--link',
      'softmax',
      '--out',
      join(out, 'x.onnx'),
    );
    t.is(refused.code, 2);
    t.regex(
      refused.stderr,
      /--link: softmax, but the model itself ends in sigmoid|softmax of one score is 1/,
    );
  });
}

async function everyProgramOfTwo(t: ExecutionContext, dir: string, out: string) {
  await writeFile(join(dir, 'labels.txt'), 'cat\ndog\n');
  const { explained, list, metrics, exported } = await everyProgram(t, dir, two.data, two.photos[0]!, out);
  await rm(join(dir, 'labels.txt'));
  t.true(explained.stderr.includes('classes  one score: it speaks for dog and against cat'));
  t.is(metrics.dataset.images, 4);
  t.deepEqual(JSON.parse(exported.classes), ['cat', 'dog']);
  t.is(list.images[0].classes.length, 2);
  const teacher = await loadTeacher(dir, { classes: ['cat', 'dog'], imageSize: [16, 16] });
  t.deepEqual(teacher.outputs[0]!.shape, [null, 2]);
}

test.serial('one unit that ends in a softmax says 1 to everything, and is refused', async (t) => {
  const dir = join(folder, 'one-softmax');
  await saveLayersModel(oneUnit(dense(1, 'softmax')), dir);
  const { code, stderr } = await callProgram('explain', '--model', dir, '--image', two.photos[0]!);
  t.is(code, 2);
  t.regex(stderr, /ModelError: .*softmax of one score, which is 1 for every image/);
});

test.serial(
  'a network is trained on from one unit and from .keras, with the warning of its scaling',
  async (t) => {
    const dir = join(folder, 'one-sigmoid');
    const config = async (name: string, text: string) => {
      const file = join(folder, `${name}.yaml`);
      await writeFile(file, `name: ${name}\n${text}`);
      return worked(t, 'train', '--config', file, '--run', join(folder, 'runs', name));
    };
    const rest = (data: string, size: number) => `data:
  source: tfrecord
  dir: ${data}
  splits: { train: [train], validation: test, test: [] }
  imageSize: [${size}, ${size}]
  batchSize: 4
  workers: 0
training: { epochs: 1 }
`;
    await config('binary', `model: { weights: "${dir}" }\n${rest(two.data, 16)}`);
    const trained = await openTrainedNetwork({ run: join(folder, 'runs', 'binary') });
    t.deepEqual([trained.classes, trained.link], [['cat', 'dog'], 'softmax']);
    const { stderr } = await config(
      'keras',
      `model: { weights: "${join(folder, 'keras/net.keras')}" }\n${rest(three.data, 8)}`,
    );
    t.regex(
      stderr,
      /warning {2}model\.inputScaling: zero-one, but the network begins with a rescaling of its own/,
    );
  },
);

test.serial(
  'names in another order than those of the data set are refused, wrong counts left aside',
  async (t) => {
    const dir = join(folder, 'order');
    await saveLayersModel(await loadLayersModel(join(folder, 'one-sigmoid')), dir);
    await saveLayersModel(oneUnit(dense(2, 'softmax')), dir);
    await writeFile(join(dir, 'classes.txt'), 'dog\ncat\n');
    const asked = ['evaluate', '--model', dir, '--data', two.data, '--split', 'test', '--threshold', '0.5'];
    const { code, stderr } = await callProgram(...asked, '--bootstrap', '0');
    t.is(code, 2);
    t.regex(stderr, /in another order: .*classes\.txt says dog, cat; the data set has cat, dog/);
    await writeFile(join(dir, 'classes.txt'), 'dog\ncat\nbird\n');
    const left = await worked(
      t,
      'explain',
      '--model',
      dir,
      '--image',
      two.photos[0]!,
      '--out',
      join(folder, 'o'),
    );
    t.regex(left.stderr, /classes\.txt names 3, the network has 2: they are not taken/);
  },
);

test.serial('a folder with a data set is not drawn over', async (t) => {
  const file = join(folder, 'over.yaml');
  await writeFile(file, `name: over\ndata: { dir: "${two.data}" }\n`);
  const { code, stderr } = await callProgram('train', '--config', file, '--run', join(folder, 'runs/over'));
  t.is(code, 3);
  t.regex(
    stderr,
    /holds another data set \(.*\); biased-boats needs a folder of its own, and data\.source: tfrecord/,
  );
});
