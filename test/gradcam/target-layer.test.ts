import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError } from '../../src/errors/index.ts';
import { resolveTargetLayer, spatialLayers, splitModel } from '../../src/gradcam/index.ts';
import { startTestEngine } from './engine.ts';

test.before(startTestEngine);

const symbolic = (value: unknown) => value as tfl.SymbolicTensor;

function classifier(): tfl.Sequential {
  const backbone = tfl.sequential({ name: 'backbone' });
  backbone.add(tfl.layers.conv2d({ name: 'conv1', inputShape: [8, 8, 3], filters: 2, kernelSize: 3 }));
  backbone.add(tfl.layers.conv2d({ name: 'conv5', filters: 4, kernelSize: 3 }));
  backbone.add(tfl.layers.batchNormalization({ name: 'norm5' }));
  backbone.add(tfl.layers.activation({ name: 'relu5', activation: 'relu' }));
  const model = tfl.sequential({ name: 'classifier' });
  model.add(backbone);
  model.add(tfl.layers.dropout({ name: 'drop', rate: 0.5 }));
  model.add(tfl.layers.globalAveragePooling2d({ name: 'gap' }));
  model.add(tfl.layers.reshape({ name: 'one', targetShape: [1, 1, 4] }));
  model.add(tfl.layers.flatten({ name: 'flat' }));
  model.add(tfl.layers.dense({ name: 'classes', units: 3, activation: 'softmax' }));
  return model;
}

test('auto takes the activation after the last convolution, inside a nested model too, and says why', (t) => {
  const { path, shape, reason, warning } = resolveTargetLayer(classifier());
  t.is(path, 'backbone/relu5');
  t.deepEqual(shape, [null, 4, 4, 4]);
  t.is(reason, 'the last of 4 layers with spatial extent (4x4), read by "drop"');
  t.is(warning, undefined);
});

test('layers are found by path, nested models and inputs by their name', (t) => {
  const model = classifier();
  t.is(resolveTargetLayer(model, 'backbone/conv1').path, 'backbone/conv1');
  t.deepEqual(resolveTargetLayer(model, 'backbone').shape, [null, 4, 4, 4]);
  t.deepEqual(resolveTargetLayer(model, 'conv1_input').shape, [null, 8, 8, 3]);
  t.deepEqual(spatialLayers(model), [
    'backbone/conv1',
    'backbone/conv5',
    'backbone/norm5',
    'backbone/relu5',
    'drop',
  ]);
});

test('inside of a model a layer goes by its name alone too, where no other has it', (t) => {
  t.is(resolveTargetLayer(classifier(), 'conv5').path, 'backbone/conv5');
});

test('a wrong name is answered with the near matches and the layers with spatial extent', (t) => {
  t.throws(() => resolveTargetLayer(classifier(), 'backbone/conv6'), {
    instanceOf: ModelError,
    message: new RegExp(
      'Model "classifier": no layer "backbone/conv6"\\. Did you mean .*"backbone/conv5".*\\? ' +
        'Layers with spatial extent: backbone/conv1, backbone/conv5, backbone/norm5, backbone/relu5, drop',
    ),
  });
  t.throws(() => resolveTargetLayer(classifier(), 'backbone/cnov1'), {
    message: /no layer "backbone\/cnov1"\. Did you mean "backbone\/conv1"/,
  });
});

test('a layer without extent, and a model without such layers, are refused', (t) => {
  t.throws(() => resolveTargetLayer(classifier(), 'classes'), {
    instanceOf: ModelError,
    message:
      /layer "classes" answers \[batch, 3\], which has no spatial extent; layers that have: backbone\/conv1/,
  });
  const dense = tfl.sequential({
    name: 'dense',
    layers: [tfl.layers.dense({ inputShape: [4], units: 2 })],
  });
  t.throws(() => resolveTargetLayer(dense), {
    instanceOf: ModelError,
    message: /Model "dense": no layer before output ".+" has spatial extent/,
  });
  t.throws(() => resolveTargetLayer(tfl.sequential({ name: 'empty' })), {
    message: 'Model "empty": expected a model that knows its input shape, found no outputs',
  });
});

test('a map of one place is warned of', (t) => {
  t.is(
    resolveTargetLayer(classifier(), 'one').warning,
    'layer "one" answers [batch, 1, 1, 4]: its map is a single number per image',
  );
});

test('of a layer that is called several times the last call is meant, and #0 the first', (t) => {
  const x = tfl.input({ shape: [4, 4, 1] });
  const double = tfl.layers.conv2d({ name: 'double', filters: 1, kernelSize: 1, useBias: false });
  const twice = symbolic(double.apply(symbolic(double.apply(x))));
  const model = tfl.model({ inputs: x, outputs: symbolic(tfl.layers.flatten().apply(twice)) });
  double.setWeights([tf.tensor4d([2], [1, 1, 1, 1])]);
  const image = tf.ones([1, 4, 4, 1]);
  const first = (layer: string) => splitModel(model, layer).features(image).activations.dataSync()[0];
  t.is(first('double#0'), 2);
  t.is(first('double'), 4);
  t.is(resolveTargetLayer(model).path, 'double');
});

test('auto looks only at what leads to the output, and an output that a layer cannot reach is refused', (t) => {
  const x = tfl.input({ shape: [4, 4, 1] });
  const conv = (name: string) => tfl.layers.conv2d({ name, filters: 1, kernelSize: 1 });
  const pool = (name: string) => tfl.layers.globalAveragePooling2d({ name });
  const left = symbolic(pool('left').apply(symbolic(conv('a').apply(x))));
  const right = symbolic(pool('right').apply(symbolic(conv('b').apply(x))));
  const model = tfl.model({ inputs: x, outputs: [left, right], name: 'two' });
  t.is(resolveTargetLayer(model, 'auto').path, 'a');
  t.is(resolveTargetLayer(model, 'auto', { output: 'right' }).path, 'b');
  t.throws(() => splitModel(model, 'a', { output: 1 }), {
    instanceOf: ModelError,
    message: 'Model "two": output "right" does not depend on layer "a"',
  });
  t.throws(() => splitModel(model, 'a', { output: 'middle' }), {
    instanceOf: ModelError,
    message: 'Model "two": no output "middle"; its outputs are 0 ("left"), 1 ("right")',
  });
});

test('the head can be run again: same masks, and batch norm averages that move once per pass', (t) => {
  const norm = tfl.layers.batchNormalization({ momentum: 0.5 });
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ name: 'conv', inputShape: [2, 2, 1], filters: 1, kernelSize: 1, useBias: false }),
      norm,
      tfl.layers.dropout({ rate: 0.5 }),
      tfl.layers.flatten(),
    ],
  });
  model.layers[0]!.setWeights([tf.ones([1, 1, 1, 1])]);
  const split = splitModel(model, 'conv');
  const features = split.features(tf.tensor4d([1, 3, 5, 7], [1, 2, 2, 1]), {
    training: true,
    dropoutSeed: 5,
  });
  const once = split.head(features).logits.dataSync();
  t.is(norm.getWeights()[2]!.dataSync()[0], 2, 'half way from 0 to the mean 4');
  t.deepEqual(split.head(features).logits.dataSync(), once);
  t.is(norm.getWeights()[2]!.dataSync()[0], 2);
});
