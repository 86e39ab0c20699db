import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { ModelError, UsageError } from '../../src/errors/index.ts';
import { resolveTargetLayer } from '../../src/gradcam/index.ts';
import {
  classNamesBeside,
  doubtInputScaling,
  freezeLayers,
  layerPath,
  loadLayersModel,
  parseInputScaling,
  scalingOfModel,
  unfreezeLayers,
  withInputScaling,
  withNewHead,
} from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

test.before(() => startTestEngine('onnx'));

const predict = (model: tfl.LayersModel, x: tf.Tensor) => (model.predict(x) as tf.Tensor).dataSync();

function convs(...more: tfl.layers.Layer[]): tfl.Sequential {
  return tfl.sequential({
    name: 'features',
    layers: [
      tfl.layers.conv2d({
        name: 'maps',
        filters: 4,
        kernelSize: 3,
        activation: 'relu',
        inputShape: [6, 6, 3],
      }),
      ...more,
    ],
  });
}

const tails: [string, () => tfl.layers.Layer[]][] = [
  ['softmax in the layer', () => [tfl.layers.dense({ units: 5, activation: 'softmax' })]],
  ['a softmax layer', () => [tfl.layers.dense({ units: 5 }), tfl.layers.softmax()]],
  ['an activation', () => [tfl.layers.dense({ units: 5 }), tfl.layers.activation({ activation: 'softmax' })]],
  ['one sigmoid unit', () => [tfl.layers.dense({ units: 1, activation: 'sigmoid' })]],
  ['logits', () => [tfl.layers.dense({ units: 5 })]],
  [
    'logits that are reshaped',
    () => [tfl.layers.dense({ units: 5 }), tfl.layers.reshape({ targetShape: [5] })],
  ],
];

for (const [title, tail] of tails) {
  test.serial(`a new head on a classifier reads what its classifier read: ${title}`, (t) => {
    const classifier = convs(tfl.layers.globalAveragePooling2d({ name: 'gap' }), ...tail());
    const model = withNewHead(classifier, { classes: 3 });
    t.deepEqual(model.layers.map(({ name }) => name).slice(1), ['maps', 'gap', 'logits']);
    t.deepEqual(model.outputs[0]!.shape, [null, 3]);
  });
}

test.serial('features stay features: their last layer is kept', (t) => {
  const model = withNewHead(convs(), { classes: 3 });
  t.deepEqual(model.layers.map(({ name }) => name).slice(1), ['maps', 'pool', 'logits']);
  const embedding = convs(
    tfl.layers.globalAveragePooling2d({ name: 'gap' }),
    tfl.layers.dense({ name: 'embedding', units: 7, activation: 'relu' }),
  );
  t.deepEqual(
    withNewHead(embedding, { classes: 3 })
      .layers.map(({ name }) => name)
      .slice(1),
    ['maps', 'gap', 'embedding', 'logits'],
  );
});

test.serial('a head on scores is refused', (t) => {
  const model = convs(
    tfl.layers.flatten(),
    tfl.layers.dense({ name: 'scores', units: 5, activation: 'softmax' }),
  );
  t.throws(() => withNewHead(model, { classes: 3, from: 'scores' }), {
    instanceOf: ModelError,
    message: /layer "scores" gives scores \(it ends in softmax or sigmoid\): name a layer before it$/,
  });
});

/** As Teachable Machine builds it: a model of features, and one that classifies, in a Sequential. */
function nested(): tfl.LayersModel {
  const image = tfl.input({ shape: [6, 6, 3], name: 'image' });
  const inner = convs(tfl.layers.conv2d({ name: 'deep', filters: 5, kernelSize: 3 }));
  const classifier = tfl.sequential({
    name: 'classifier',
    layers: [
      tfl.layers.globalAveragePooling2d({ name: 'gap', inputShape: [2, 2, 5] } as never),
      tfl.layers.dense({ name: 'hidden', units: 6, activation: 'relu' }),
      tfl.layers.dense({ name: 'scores', units: 4, activation: 'softmax' }),
    ],
  });
  const scaled = tfl.layers.rescaling({ name: 'pixels', scale: 2, offset: -1 }).apply(image);
  const output = classifier.apply(inner.apply(scaled)) as tfl.SymbolicTensor;
  return tfl.model({ inputs: image, outputs: output, name: 'whole' });
}

test.serial('one name for a layer everywhere: freeze, head.from, target layers', (t) => {
  const model = nested();
  for (const name of ['features/maps', 'maps']) {
    t.is(layerPath(model, name), 'features/maps');
    t.is(resolveTargetLayer(model, name).path, 'features/maps');
    t.deepEqual(freezeLayers(model, [name]), ['features/maps']);
    unfreezeLayers(model);
    t.deepEqual(
      withNewHead(model, { classes: 2, from: name })
        .layers.map((layer) => layer.name)
        .slice(1),
      ['pixels', 'maps', 'pool', 'logits'],
    );
  }
  t.deepEqual(freezeLayers(model, ['features']), ['features/maps', 'features/deep']);
  t.throws(() => layerPath(model, 'mapps'), {
    instanceOf: ModelError,
    message: /has no layer "mapps"; did you mean/,
  });
});

test.serial(
  'a classifier inside of a model loses its last layer, and the features stay what they were',
  (t) => {
    const model = nested();
    const x = tf.randomUniform([2, 6, 6, 3], 0, 1, 'float32', 3);
    const headed = withNewHead(model, { classes: 3 });
    t.deepEqual(
      headed.layers.map(({ name }) => name),
      ['image', 'pixels', 'features', 'gap', 'hidden', 'logits'],
    );
    const inner = model.layers[2] as tfl.LayersModel;
    const scaled = tf.sub(tf.mul(x, 2), 1);
    const features = (m: tfl.LayersModel, input: tf.Tensor) => predict(m, input);
    t.deepEqual(features(headed.layers[2] as tfl.LayersModel, scaled), features(inner, scaled));
  },
);

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'gain-names-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

const written: [file: string, text: string, names: string[]][] = [
  ['metadata.json', '{"tfjsVersion":"1.3.1","labels":["Katze","Hund"],"imageSize":224}', ['Katze', 'Hund']],
  [
    'config.json',
    '{"id2label":{"0":"cat","1":"dog","10":"x","2":"a","3":"b","4":"c","5":"d","6":"e","7":"f","8":"g","9":"h"}}',
    ['cat', 'dog', 'a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'x'],
  ],
  ['config.json', '{"architecture":"resnet18","label_names":["one","two"]}', ['one', 'two']],
  ['labels.txt', '0 Class 1\n1 Class 2\n', ['Class 1', 'Class 2']],
  ['labels.txt', '7 up\r\ncola\r\n', ['7 up', 'cola']],
  ['classes.json', '["a","b"]', ['a', 'b']],
];

for (const [file, text, names] of written) {
  test(`names of classes from ${file}: ${text.slice(0, 30)}`, async (t) => {
    const dir = await folder(t);
    await mkdir(join(dir, 'other'));
    await writeFile(join(dir, file), text);
    await writeFile(join(dir, 'model.json'), '{}');
    for (const path of [dir, join(dir, 'model.json')]) {
      t.deepEqual(await classNamesBeside(path), { names, file: join(dir, file) });
    }
  });
}

test('no file, no names; a damaged one or one name twice is an error', async (t) => {
  const dir = await folder(t);
  t.is(await classNamesBeside(dir), undefined);
  await writeFile(join(dir, 'labels.txt'), 'a\nb\na\n');
  await t.throwsAsync(classNamesBeside(dir), {
    instanceOf: ModelError,
    message: /labels\.txt: two classes are called "a"$/,
  });
  await writeFile(join(dir, 'config.json'), '{"id2label":{"0":"a","2":"b"}}');
  await t.throwsAsync(classNamesBeside(dir), {
    instanceOf: ModelError,
    message: /config\.json: id2label has 2 classes, and no name for 1$/,
  });
  await writeFile(join(dir, 'metadata.json'), '{"labels":');
  await t.throwsAsync(classNamesBeside(dir), {
    instanceOf: ModelError,
    message: /metadata\.json: this is not JSON/,
  });
});

test('a command line takes the scalings that a config takes', (t) => {
  t.is(parseInputScaling('caffe'), 'caffe');
  t.deepEqual(parseInputScaling('{ mean: [0.5], std: [0.25] }'), { mean: [0.5], std: [0.25] });
  t.deepEqual(parseInputScaling('{"mean":[0,0,0],"std":[1,1,1]}'), { mean: [0, 0, 0], std: [1, 1, 1] });
  for (const wrong of ['imagnet', '{ mean: [1] }', '{ mean: [1], std: [0] }', '{']) {
    t.throws(() => parseInputScaling(wrong), {
      instanceOf: UsageError,
      message: /^--input-scaling: expected /,
    });
  }
});

test.serial('zero-255 and caffe are what they say', (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        filters: 3,
        kernelSize: 1,
        inputShape: [1, 1, 3],
        useBias: false,
      }),
    ],
  });
  model.setWeights([tf.eye(3).reshape([1, 1, 3, 3])]);
  const pixel = tf.tensor4d([0.1, 0.5, 0.9], [1, 1, 1, 3]);
  const near = (actual: ArrayLike<number>, expected: number[]) =>
    t.true(
      expected.every((value, i) => Math.abs(value - actual[i]!) < 1e-4),
      String(actual),
    );
  near(predict(withInputScaling(model, 'zero-255'), pixel), [25.5, 127.5, 229.5]);
  near(predict(withInputScaling(model, 'caffe'), pixel), [229.5 - 103.939, 127.5 - 116.779, 25.5 - 123.68]);
});

test.serial('a network that rescales by itself says which pixels it wants', (t) => {
  const inner = tfl.sequential({
    layers: [
      tfl.layers.rescaling({ scale: 1 / 127.5, offset: -1, inputShape: [6, 6, 3] } as never),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  const outer = tfl.sequential({ layers: [inner] });
  for (const model of [inner, outer]) {
    t.is(scalingOfModel(model), 'zero-255');
    const images = tf.randomUniform([4, 6, 6, 3], 0, 1, 'float32', 1) as tf.Tensor4D;
    const options = { link: 'softmax' } as const;
    t.regex(
      doubtInputScaling(model, images, { ...options, scaling: 'zero-one' })!,
      /zero-255 gives them, zero-one does not/,
    );
  }
  t.is(scalingOfModel(nested()), undefined);
  t.is(scalingOfModel(withInputScaling(inner, 'zero-255')), undefined, 'already done');
});

const tinyVgg = fileURLToPath(new URL('../../../shared/data/models/tiny-vgg/', import.meta.url));

(existsSync(tinyVgg) ? test.serial : test.serial.skip)(
  'scores tell a wrong scaling from the right one: a real network and its photos',
  async (t) => {
    const model = await loadLayersModel(join(tinyVgg, 'model'));
    const files = (await readdir(join(tinyVgg, 'images'))).sort();
    const pixels = await Promise.all(
      files.map((file) =>
        sharp(join(tinyVgg, 'images', file))
          .resize(64, 64, { fit: 'fill' })
          .removeAlpha()
          .raw()
          .toBuffer(),
      ),
    );
    const images = tf.div(
      tf.tensor4d(Float32Array.from(Buffer.concat(pixels)), [files.length, 64, 64, 3]),
      255,
    ) as tf.Tensor4D;
    const names = ['boat', 'bug', 'pizza', 'pepper', 'bus', 'koala', 'espresso', 'panda', 'orange', 'car'];
    const labels = files.map((file) => names.indexOf(file.split('_')[0]!));
    const doubt = (scaling: 'zero-one' | 'minus-one-one' | 'imagenet' | 'caffe', known: boolean) =>
      doubtInputScaling(model, images, { scaling, link: 'softmax', ...(known && { labels }) });
    t.is(doubt('zero-one', false), undefined);
    for (const wrong of ['imagenet', 'caffe'] as const) {
      t.regex(
        doubt(wrong, true) ?? '',
        new RegExp(
          `speak against input scaling ${wrong}: with zero-one accuracy is 0\\.70, with it 0\\.[0-4]`,
        ),
      );
    }
    t.regex(doubt('caffe', false) ?? '', /how well it tells them apart is 0\.[89]/);
  },
);
