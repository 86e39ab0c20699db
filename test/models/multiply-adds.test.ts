import { readFileSync } from 'node:fs';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { buildModel, countMultiplyAdds } from '../../src/models/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';

/** Made by test/reference/multiply_adds.py. */
const reference = JSON.parse(
  readFileSync(new URL('../fixtures/multiply-adds.json', import.meta.url), 'utf8'),
) as { at224: Record<string, number>; decoderAt32: number };

test.before(() => startTestEngine());

/** A model of layers in a row. */
function sequence(inputShape: number[], ...layers: tfl.layers.Layer[]): tfl.LayersModel {
  const input = tfl.input({ shape: inputShape });
  const output = layers.reduce((x, layer) => layer.apply(x) as tfl.SymbolicTensor, input);
  return tfl.model({ inputs: input, outputs: output });
}

test('each kind of layer by hand', (t) => {
  const { conv2d, depthwiseConv2d, separableConv2d, conv2dTranspose, dense, maxPooling2d, flatten } =
    tfl.layers;
  const cases: [string, tfl.layers.Layer[], number][] = [
    // 8x8 input of 3 channels. Stride 2: 4x4 outputs of 5 filters, each sees 3x3x3.
    ['conv2d', [conv2d({ filters: 5, kernelSize: 3, strides: 2, padding: 'same' })], 16 * 5 * 27],
    // Valid: 6x6, dilation 2 leaves 4x4; the window has 9 weights all the same.
    ['dilated', [conv2d({ filters: 5, kernelSize: 3, dilationRate: 2 })], 16 * 5 * 27],
    // 8x8 outputs of 3 channels times multiplier 2, each sees 3x3.
    ['depthwise', [depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, padding: 'same' })], 64 * 6 * 9],
    // Depthwise 64 * 3 * 9, then pointwise 64 * 7 * 3.
    ['separable', [separableConv2d({ filters: 7, kernelSize: 3, padding: 'same' })], 64 * 27 + 64 * 21],
    // Each of 64 inputs of 3 channels is spread over 4x4x2.
    [
      'transposed',
      [conv2dTranspose({ filters: 2, kernelSize: 4, strides: 2, padding: 'same' })],
      64 * 3 * 32,
    ],
    ['pooling', [maxPooling2d({ poolSize: 2 })], 0],
    ['dense', [flatten(), dense({ units: 10 })], 192 * 10],
    ['dense at each position', [dense({ units: 10 })], 64 * 3 * 10],
  ];
  for (const [name, layers, expected] of cases) {
    t.is(countMultiplyAdds(sequence([8, 8, 3], ...layers)), expected, name);
  }
});

test('a layer counts where it is used, a nested model is opened, an open size is given', (t) => {
  const shared = tfl.layers.conv2d({ filters: 3, kernelSize: 1 });
  const once = 64 * 9;
  const twice = sequence([8, 8, 3], shared, tfl.layers.maxPooling2d({ poolSize: 2 }), shared);
  t.is(countMultiplyAdds(twice), once + once / 4);
  t.is(
    countMultiplyAdds(sequence([8, 8, 3], shared)),
    once,
    'its calls in another model are not of this one',
  );
  const nested = sequence([4, 4, 3], twice, tfl.layers.conv2d({ filters: 2, kernelSize: 1 }));
  t.is(countMultiplyAdds(nested), 16 * 9 + 4 * 9 + 4 * 6);
  const first = tfl.sequential({ layers: [twice, tfl.layers.conv2d({ filters: 2, kernelSize: 1 })] });
  t.is(countMultiplyAdds(first), once + once / 4 + 16 * 6);
  const open = tfl.input({ shape: [null, null, 3] });
  const model = tfl.model({ inputs: open, outputs: shared.apply(open) as tfl.SymbolicTensor });
  t.is(countMultiplyAdds(model), 0);
  t.is(countMultiplyAdds(model, [[8, 8, 3]]), once);
});

for (const [name, expected] of Object.entries(reference.at224)) {
  test.serial(`${name} at 224x224 has ${(expected / 1e9).toFixed(2)} billion, as torchvision's`, (t) => {
    const model = buildModel(name as 'resnet18', { inputShape: [64, 64, 3], classes: 1000 });
    t.is(countMultiplyAdds(model, [[224, 224, 3]]), expected);
    model.dispose();
  });
}

test.serial('mobilenet-v1 at 224x224 has 569 million, as its paper says (table 4)', (t) => {
  const model = buildModel('mobilenet-v1', { inputShape: [64, 64, 3], classes: 1000 });
  t.is(Math.round(countMultiplyAdds(model, [[224, 224, 3]]) / 1e6), 569);
  model.dispose();
});

test('a convolution and a transposed one count as in PyTorch', (t) => {
  const { conv2d, conv2dTranspose } = tfl.layers;
  const down = conv2d({ filters: 8, kernelSize: 3, strides: 2, padding: 'same' });
  const up = conv2dTranspose({ filters: 4, kernelSize: 4, strides: 2, padding: 'same' });
  t.is(countMultiplyAdds(sequence([32, 32, 3], down, up)), reference.decoderAt32);
});
