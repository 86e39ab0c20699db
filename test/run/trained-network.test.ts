import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { startEngine } from '../../src/engine/index.ts';
import { ModelError, RunError, UsageError } from '../../src/errors/index.ts';
import { explainImages } from '../../src/explain/index.ts';
import { exportOnnx, exportSource } from '../../src/export/index.ts';
import { saveLayersModel } from '../../src/models/index.ts';
import {
  findNetwork,
  loadNetwork,
  loadTeacher,
  networkSource,
  openNetworkOrBlackBox,
  openTrainedNetwork,
} from '../../src/run/index.ts';

let folder = '';
test.before(async () => {
  await startEngine({ engine: 'onnx', threads: 1 });
  folder = await mkdtemp(join(tmpdir(), 'trained-network-'));
});
test.after.always(() => rm(folder, { recursive: true, force: true }));

const features = () => [
  tfl.layers.conv2d({
    inputShape: [8, 8, 3],
    filters: 4,
    kernelSize: 3,
    activation: 'relu',
    kernelInitializer: tfl.initializers.glorotUniform({ seed: 1 }),
  }),
  tfl.layers.globalAveragePooling2d({ dataFormat: 'channelsLast' }),
];
const dense = (activation?: 'sigmoid' | 'softmax') =>
  tfl.layers.dense({
    units: 3,
    kernelInitializer: tfl.initializers.glorotUniform({ seed: 2 }),
    ...(activation && { activation }),
  });

/** A network inside another, as transfer learning makes them. */
function nested(): tfl.LayersModel {
  const inner = tfl.sequential({ layers: [...features(), dense('sigmoid')] });
  const input = tfl.input({ shape: [8, 8, 3] });
  return tfl.model({ inputs: input, outputs: inner.apply(input) as tfl.SymbolicTensor });
}

const networks = {
  nested: { make: nested, link: 'sigmoid', known: true },
  reshaped: {
    make: () =>
      tfl.sequential({
        layers: [...features(), dense('sigmoid'), tfl.layers.reshape({ targetShape: [3] })],
      }),
    link: 'sigmoid',
    known: true,
  },
  'softmax-layer': {
    make: () => tfl.sequential({ layers: [...features(), dense(), tfl.layers.softmax()] }),
    link: 'softmax',
    known: true,
  },
  logits: {
    make: () => tfl.sequential({ layers: [...features(), dense()] }),
    link: 'softmax',
    known: false,
  },
} as const;

for (const [name, { make, link, known }] of Object.entries(networks)) {
  test.serial(`${name}: explain, evaluate, export and distillation agree on the link`, async (t) => {
    const path = join(folder, name);
    const model = make();
    await saveLayersModel(model, path);
    const network = await openTrainedNetwork(networkSource(path));
    t.deepEqual([network.link, network.knowsLink], [link, known]);
    t.is(network.notes.length, known ? 1 : 2, 'what was assumed is said');

    const pixels = tf.randomUniform([1, 8, 8, 3], 0, 1, 'float32', 3);
    const given = model.predict(pixels) as tf.Tensor2D;
    const scores = known ? given : tf.softmax(given);

    // The exported file answers as the model that was given.
    const { bytes, metadata, difference } = await exportOnnx(exportSource(network));
    t.is(metadata.scores, link);
    t.true(difference < 1e-5, String(difference));
    const { InferenceSession, Tensor } = await import('onnxruntime-node');
    const session = await InferenceSession.create(bytes);
    const nchw = tf.transpose(pixels, [0, 3, 1, 2]);
    const answer = await session.run({
      images: new Tensor('float32', nchw.dataSync() as Float32Array, [1, 3, 8, 8]),
    });
    const fromFile = Array.from(answer.scores!.data as Float32Array);
    const fromModel = Array.from(scores.dataSync());
    fromFile.forEach((value, c) => {
      t.true(Math.abs(value - fromModel[c]!) < 1e-5, `class ${c}: ${value}, not ${fromModel[c]}`);
    });

    // So does explain.
    const image = { name: 'noise', file: 'noise', pixels: pixels.dataSync() as Float32Array };
    for await (const { probabilities: explained } of explainImages(network, [image], {
      methods: ['grad-cam'],
    })) {
      Array.from(explained).forEach((value, c) => {
        t.true(Math.abs(value - fromModel[c]!) < 1e-5, `class ${c}: ${value}, not ${fromModel[c]}`);
      });
    }

    // A teacher gives the same logits, whatever it ends in.
    const teacher = await loadTeacher(path, { classes: ['a', 'b', 'c'], imageSize: [8, 8] });
    t.is(teacher.outputs[0]!.shape[1], 3);
  });
}

test.serial('a single score is a probability of its own, not a softmax of one', async (t) => {
  const model = tfl.sequential({ layers: [...features(), tfl.layers.dense({ units: 1 })] });
  await saveLayersModel(model, join(folder, 'binary'));
  const { link, classes } = await openTrainedNetwork({ model: join(folder, 'binary') });
  t.deepEqual([link, classes], ['sigmoid', ['0']]);
});

test.serial('what the files say, and what wins over it', async (t) => {
  const run = join(folder, 'run');
  const data = join(folder, 'data');
  await mkdir(run);
  await mkdir(data);
  await writeFile(join(run, 'config.yaml'), `name: pets\ndata:\n  dir: ${data}\n`);
  const found = await findNetwork(networkSource(run)).catch((error: Error) => error);
  t.true(found instanceof RunError && /has not ended.*--checkpoint last/.test(found.message));
  await saveLayersModel(networks.logits.make(), join(run, 'model'));
  t.true((await openTrainedNetwork({ run })).knowsClasses === false);
  const info = { name: 'pets', classes: ['cat', 'dog', 'owl'], multiLabel: true, splits: {} };
  await writeFile(join(data, 'dataset.json'), JSON.stringify(info));
  const network = await openTrainedNetwork({ run });
  t.deepEqual([network.classes, network.link, network.notes], [info.classes, 'sigmoid', []]);
  t.is((await openTrainedNetwork({ run }, { link: 'softmax' })).link, 'softmax');
  await writeFile(join(data, 'dataset.json'), JSON.stringify({ ...info, classes: ['cat', 'dog'] }));
  await t.throwsAsync(openTrainedNetwork({ run }), {
    instanceOf: ModelError,
    message: /3 outputs for the 2 classes of /,
  });
});

test.serial('an override that cannot be right is refused', async (t) => {
  const path = join(folder, 'nested');
  await saveLayersModel(nested(), path);
  const found = await findNetwork({ model: path });
  await t.throwsAsync(loadNetwork(found, { link: 'softmax' }), {
    instanceOf: UsageError,
    message: '--link: softmax, but the model itself ends in sigmoid',
  });
  await t.throwsAsync(loadNetwork(found, { imageSize: [9, 8] }), {
    instanceOf: UsageError,
    message: /takes images of 8x8, not of 9x8/,
  });
  await t.throwsAsync(loadNetwork(found, { classes: ['a'] }), {
    instanceOf: UsageError,
    message: '--classes: the model has 3 classes, received 1 names',
  });
  t.throws(() => networkSource(join(folder, 'nowhere')), {
    instanceOf: UsageError,
    message: /--run: .*nowhere does not exist/,
  });
  t.throws(() => networkSource(folder), {
    instanceOf: UsageError,
    message: /holds neither a run \(config\.yaml\) nor a network \(model\.json, \.keras/,
  });
});

test('a file of any kind that is not there is said so', async (t) => {
  for (const name of ['nowhere.onnx', 'nowhere.keras', 'nowhere']) {
    await t.throwsAsync(openNetworkOrBlackBox({ model: join(folder, name) }), {
      instanceOf: ModelError,
      message: /nowhere.*: (there is no such file|this file is missing)/,
    });
  }
});
