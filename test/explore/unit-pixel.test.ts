import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import { type Looked, look, type NetworkView, networkView, unitPixel } from '../../src/explore/core.ts';
import { networkNodes, nodeOutputs } from '../../src/gradcam/index.ts';
import { startTestEngine } from '../gradcam/engine.ts';
import { variedNetwork } from './scene.ts';

test.before(startTestEngine);

function subjectOf(model: tfl.LayersModel): Looked {
  const [, height, width, channels] = model.inputs[0]!.shape as [null, number, number, 1 | 3];
  const classes = Array.from({ length: model.outputs[0]!.shape[1]! }, (_, c) => `class ${c}`);
  return {
    model,
    name: model.name,
    output: 0,
    link: 'sigmoid',
    scored: 'classes',
    classes,
    imageSize: [height, width],
    channels,
    targetLayer: 'auto',
  };
}

test.serial('a convolution by hand: window, products, sum, bias, activation', async (t) => {
  const layer = tfl.layers.conv2d({
    name: 'conv',
    inputShape: [3, 3, 1],
    filters: 1,
    kernelSize: 2,
    padding: 'same',
    activation: 'relu',
  });
  const model = tfl.sequential({
    layers: [layer, tfl.layers.flatten(), tfl.layers.dense({ units: 1, name: 'out' })],
  });
  layer.setWeights([tf.tensor4d([1, -2, 3, 4], [2, 2, 1, 1]), tf.tensor1d([0.5])]);
  const pixels = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const unit = await look(subjectOf(model), pixels, { kind: 'unit', node: 'conv', channel: 0 });
  // 1·1 − 2·2 + 3·4 + 4·5 + 0.5
  const corner = unitPixel(unit, 0, 0);
  t.deepEqual(
    corner.terms.map(({ value, weight }) => [value, weight]),
    [
      [1, 1],
      [2, -2],
      [4, 3],
      [5, 4],
    ],
  );
  t.deepEqual(
    [corner.sum, corner.bias, corner.before, corner.after, corner.engine],
    [29, 0.5, 29.5, 29.5, 29.5],
  );
  // At the lower right corner three of the four lie outside: 9·1 + 0.5.
  const last = unitPixel(unit, 2, 2);
  t.deepEqual(
    last.terms.map(({ place }) => place),
    [[2, 2], null, null, null],
  );
  t.deepEqual([last.sum, last.after, last.engine], [9, 9.5, 9.5]);
});

test.serial('every pixel of every unit of every kind of layer is what the engine answers', async (t) => {
  const model = variedNetwork();
  const subject = subjectOf(model);
  const pixels = Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => (Math.sin(i * i) + 1) / 2);
  const before = tf.memory().numTensors;
  const kinds = new Set<string>();
  for (const { name, op } of networkNodes(model)) {
    if (op === 'InputLayer') continue;
    for (const channel of [0, 3]) {
      const unit = await look(subject, pixels, { kind: 'unit', node: name, channel });
      kinds.add(unit.making.kind);
      t.not(unit.making.kind, 'values', name);
      const { height, width } = unit.output;
      let worst = 0;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          const { after, engine } = unitPixel(unit, y, x);
          worst = Math.max(worst, Math.abs(after - engine));
        }
      }
      t.true(worst < 2e-5, `${name}: ${worst}`);
      // And the engine's is the model's own: the same values from a pass through the whole of it.
      const image = tf.tensor4d(pixels, [1, 32, 32, 3]);
      const [own] = nodeOutputs(model, image, [name]);
      const values = await own!.data();
      tf.dispose([image, own!]);
      t.is(unit.output.values[0], values[channel]);
    }
  }
  t.deepEqual([...kinds].sort(), ['activation', 'convolution', 'dense', 'normalization', 'pooling', 'sum']);
  t.is(tf.memory().numTensors, before, 'no tensor is left');
});

test.serial('a layer, the strips of the drawing, a patch and an image that excites', async (t) => {
  const model = variedNetwork();
  const subject = subjectOf(model);
  const pixels = Float32Array.from({ length: 32 * 32 * 3 }, (_, i) => (Math.cos(i) + 1) / 2);
  const before = tf.memory().numTensors;
  const layer = await look(subject, pixels, { kind: 'layer', node: 'gap' });
  t.deepEqual(layer.shape, [5]);
  const { strips } = await look(subject, pixels, { kind: 'strips' });
  t.deepEqual(
    strips.map(({ box }) => box),
    ['image', 'conv1', 'depth', 'add', 'pool', 'mean', 'conv2', 'gap', 'scores'],
  );
  const conv = strips.find(({ box }) => box === 'conv1')!;
  t.deepEqual([conv.node, conv.channels, conv.height, conv.width], ['relu', [0, 1, 2, 3], 16, 16]);
  t.is(conv.pixels.length, 4 * 16 * 16);
  const patch = await look(subject, pixels, {
    kind: 'project',
    layer: 'conv1',
    channel: 1,
    position: [8, 8],
  });
  t.is(patch.pixels.length, 32 * 32 * 3);
  const best = await look(subject, pixels, { kind: 'maximize', layer: 'conv2', channel: 0 });
  t.true(best.value > best.before);
  t.is(tf.memory().numTensors, before, 'no tensor is left');
});

test.serial('a unit, layer or method that there is not is said', async (t) => {
  const subject = subjectOf(variedNetwork());
  const pixels = new Float32Array(32 * 32 * 3);
  await t.throwsAsync(look(subject, pixels, { kind: 'unit', node: 'conv1', channel: 4 }), {
    instanceOf: UsageError,
    message: 'layer "conv1": it has units 0 to 3, received 4',
  });
  await t.throwsAsync(look(subject, pixels, { kind: 'layer', node: 'conv9' }), {
    message: /no layer "conv9"/,
  });
  await t.throwsAsync(look(subject, pixels, { kind: 'map', method: 'grad-cma', class: 0 }), {
    message: /grad-cma/,
  });
});

test.serial('the methods of the page are those of the registry', (t) => {
  const view: NetworkView = networkView(subjectOf(variedNetwork()));
  t.true(view.methods.length > 20);
  t.is(view.targetLayer, 'conv2');
  t.true(view.methods.every((method) => !('explain' in method)));
});
