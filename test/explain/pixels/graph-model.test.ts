import { loadGraphModel } from '@tensorflow/tfjs-converter';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError } from '../../../src/errors/index.ts';
import { deconvolution, gradientMaps, integratedGradients } from '../../../src/explain/pixels/index.ts';
import { attentionMaps } from '../../../src/gradcam/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { numbers } from '../../gradcam/reference-network.ts';
import { graphArtifacts } from '../graph-artifacts.ts';

test.before(startTestEngine);

const kernel = numbers(1, 3 * 3 * 2 * 3);
const matrix = numbers(2, 3 * 4);

const graphModel = () => {
  const artifacts = graphArtifacts(2, kernel, matrix);
  return loadGraphModel({ load: async () => artifacts });
};

/** The same network in layers. */
function layersModel(): tfl.Sequential {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        inputShape: [5, 5, 2],
        filters: 3,
        kernelSize: 3,
        useBias: false,
        activation: 'relu',
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 4, useBias: false }),
    ],
  });
  model.setWeights([tf.tensor(kernel, [3, 3, 2, 3]), tf.tensor(matrix, [3, 4])]);
  return model;
}

const images = () => tf.tensor(numbers(3, 100), [2, 5, 5, 2]);
const pairs = [
  { sample: 1, class: 3 },
  { sample: 0, class: 0 },
];

function difference(a: tf.Tensor, b: tf.Tensor): number {
  return tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]!;
}

test("the pixels of a graph-model: the gradient is that of the same network's layers, of any node of it", async (t) => {
  const graph = await graphModel();
  const layers = layersModel();
  const logits = gradientMaps(graph, images(), pairs, { output: 'logits' });
  t.true(difference(logits, gradientMaps(layers, images(), pairs)) < 1e-6);
  t.true(tf.max(tf.abs(logits)).dataSync()[0]! > 0.01);

  // Without a name the output itself is explained: here the probability.
  const probability = gradientMaps(graph, images(), pairs);
  const expected = gradientMaps(layers, images(), pairs, { target: (s) => tf.softmax(s as tf.Tensor2D) });
  t.true(difference(probability, expected) < 1e-6);
  const channel = gradientMaps(graph, images(), [{ sample: 0, class: 1 }], { target: { layer: 'relu' } });
  t.is(channel.shape.join(), '1,5,5,2');

  const options = { output: 'logits', steps: 4 };
  const path = await integratedGradients(graph, images(), pairs, options);
  t.true(difference(path, await integratedGradients(layers, images(), pairs, { steps: 4 })) < 1e-6);
});

test('what a graph-model cannot do is refused', async (t) => {
  const graph = await graphModel();
  t.throws(() => deconvolution(graph as unknown as tfl.LayersModel, images(), pairs), {
    instanceOf: ModelError,
    message: /^a graph-model has operations and no layers: guided backpropagation and the deconvolution/,
  });
  t.throws(() => attentionMaps(graph as unknown as tfl.LayersModel, images(), pairs), {
    instanceOf: ModelError,
    message: /^expected a layers-model; this one has no layers/,
  });
});

test('an operation without derivative is named', (t) => {
  const model = {
    inputs: [{ name: 'x' }],
    outputs: [{ name: 'places' }],
    execute: ([x]: tf.Tensor[]) =>
      tf.cast(tf.reverse(tf.topk(tf.reshape(x!, [1, -1]), 2).values, 1), 'float32'),
  };
  t.throws(() => gradientMaps(model, tf.ones([1, 2, 2, 1]), [{ sample: 0, class: 0 }]), {
    instanceOf: ModelError,
    message: 'the operation TopK has no derivative in tfjs',
  });
  const constant = { ...model, execute: () => tf.ones([1, 2]) };
  t.throws(() => gradientMaps(constant, tf.ones([1, 2, 2, 1]), [{ sample: 0, class: 0 }]), {
    instanceOf: ModelError,
    message: 'the explained score does not depend on the pixels',
  });
});
