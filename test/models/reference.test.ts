import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { type BackboneName, buildModel, countParameters } from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

/** Made by test/reference/models.py. */
const reference = JSON.parse(readFileSync(new URL('../fixtures/models.json', import.meta.url), 'utf8')) as {
  classes: number;
  cases: {
    name: BackboneName;
    options: Record<string, never>;
    size: number;
    trainableParameters: number;
    logits: number[];
  }[];
  parameters: Record<'features' | 'wholeNetwork', Record<string, number>>;
};

test.before(() => startTestEngine());

for (const { name, options, size, trainableParameters, logits } of reference.cases) {
  test.serial(
    `${name} ${JSON.stringify(options)} has the parameters and the logits of PyTorch`,
    async (t) => {
      const model = buildModel(name, { inputShape: [size, size, 3], classes: reference.classes, ...options });
      t.is(countParameters(model, { trainableOnly: true }), trainableParameters);
      for (const layer of model.layers) fill(layer);
      const image = tf.tensor4d(values('image', size * size * 3), [1, size, size, 3]);
      const actual = await (model.predict(image) as tf.Tensor).data();
      const scale = Math.max(...logits.map(Math.abs));
      for (const [c, expected] of logits.entries()) {
        const error = Math.abs(actual[c]! - expected) / scale;
        t.true(error < 1e-4, `class ${c}: ${actual[c]}, expected ${expected}`);
      }
      model.dispose();
    },
  );
}

/** The formula of the reference: 2 frac(43758.5453 sin(12.9898 j + phase(name))) - 1. */
function values(name: string, count: number): Float32Array {
  const phase = [...name].reduce((sum, char, i) => sum + (i + 1) * char.charCodeAt(0), 0) % 1000;
  const filled = new Float32Array(count);
  for (let j = 0; j < count; j++) {
    const x = Math.sin(j * 12.9898 + phase) * 43758.5453;
    filled[j] = 2 * (x - Math.floor(x)) - 1;
  }
  return filled;
}

function fill(layer: tfl.layers.Layer): void {
  const weights = layer.weights.map(({ originalName, shape }) => {
    const kind = originalName.split('/').at(-1)!;
    const sizes = shape as number[];
    const fanIn = sizes.slice(0, kind === 'depthwise_kernel' ? 2 : -1).reduce((a, b) => a * b, 1);
    const [offset, scale] = {
      kernel: [0, Math.sqrt(6 / fanIn)],
      depthwise_kernel: [0, Math.sqrt(6 / fanIn)],
      gamma: [1, 0.1],
      moving_variance: [1, 0.2],
    }[kind] ?? [0, 0.1];
    const name = `${layer.name}/${kind.replace('depthwise_', '')}`;
    const filled = values(
      name,
      sizes.reduce((a, b) => a * b, 1),
    ).map((v) => offset! + scale! * v);
    return tf.tensor(filled, sizes);
  });
  layer.setWeights(weights);
  tf.dispose(weights);
}

const { features, wholeNetwork } = reference.parameters;

const counts: [string, Parameters<typeof buildModel>, number][] = [
  ['vgg11 features', ['vgg11', { inputShape: [32, 32, 3], classes: 1 }], features.vgg11! + 512 + 1],
  [
    'vgg16 with the head of the paper, narrowed',
    ['vgg16', { inputShape: [224, 224, 3], classes: 7, head: 'hidden', hiddenUnits: [64, 32] }],
    features.vgg16! + (7 * 7 * 512 + 1) * 64 + (64 + 1) * 32 + (32 + 1) * 7,
  ],
  [
    'vgg16 with batch norm',
    ['vgg16', { inputShape: [32, 32, 3], classes: 1, norm: 'batch' }],
    features['vgg16 with batch norm']! + 512 + 1,
  ],
  [
    'resnet18',
    ['resnet18', { inputShape: [64, 64, 3], classes: 1000 }],
    wholeNetwork['resnet18, 1000 classes']!,
  ],
  [
    'resnet50',
    ['resnet50', { inputShape: [64, 64, 3], classes: 1000 }],
    wholeNetwork['resnet50, 1000 classes']!,
  ],
  [
    'mobilenet-v2',
    ['mobilenet-v2', { inputShape: [64, 64, 3], classes: 1000 }],
    wholeNetwork['mobilenet_v2, 1000 classes']!,
  ],
  // Keras's application says 4,253,864, of which 4,231,976 are trained.
  ['mobilenet-v1', ['mobilenet-v1', { inputShape: [64, 64, 3], classes: 1000 }], 4_231_976],
  // The numbers in the titles and code of the Wide ResNet and XIL papers' repositories.
  ['WRN-40-2', ['wide-resnet', { inputShape: [32, 32, 3], classes: 10, depth: 40 }], 2_243_546],
  ['WRN-16-2', ['wide-resnet', { inputShape: [32, 32, 3], classes: 10 }], 691_674],
  ['SimpleConvNet on 28x28x1', ['simple-conv-net', { inputShape: [28, 28, 1], classes: 10 }], 233_196],
];

for (const [title, [name, options], expected] of counts) {
  test.serial(`${title} has ${expected} trained parameters, as published`, (t) => {
    const model = buildModel(name, options);
    t.is(countParameters(model, { trainableOnly: true }), expected);
    model.dispose();
  });
}
