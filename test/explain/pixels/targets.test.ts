import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError, UsageError } from '../../../src/errors/index.ts';
import { ablationCam, scoreCam } from '../../../src/explain/class-maps/index.ts';
import { gradientMaps, guidedGradCam, integratedGradients } from '../../../src/explain/pixels/index.ts';
import { attentionMaps, forward, resolveTargetLayer } from '../../../src/gradcam/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { tensorOf } from '../../gradcam/reference-network.ts';

test.before(startTestEngine);

const symbolic = (value: unknown) => value as tfl.SymbolicTensor;
const values = (tensor: tf.Tensor) => Array.from(tensor.dataSync());

function close(actual: tf.Tensor, expected: tf.Tensor, within = 1e-6): boolean {
  const found = values(expected);
  return (
    actual.shape.join() === expected.shape.join() &&
    values(actual).every((value, i) => Math.abs(value - found[i]!) < within)
  );
}

function fill(model: tfl.LayersModel): void {
  model.setWeights(model.getWeights().map((weight, i) => tensorOf(1000 * (i + 1), weight.shape)));
}

/** backbone (c1, c2), hidden, softmax of three classes; over [B, 6, 6, 2]. */
function classifier(): tfl.Sequential {
  const conv = (name: string, filters: number) =>
    tfl.layers.conv2d({ name, filters, kernelSize: 3, padding: 'same', activation: 'relu' });
  const backbone = tfl.sequential({ name: 'backbone' });
  backbone.add(tfl.layers.inputLayer({ inputShape: [6, 6, 2] }));
  backbone.add(conv('c1', 2));
  backbone.add(conv('c2', 3));
  const model = tfl.sequential({ name: 'net' });
  model.add(backbone);
  model.add(tfl.layers.flatten());
  model.add(tfl.layers.dense({ name: 'hidden', units: 4, activation: 'relu' }));
  model.add(tfl.layers.dense({ name: 'classes', units: 3, activation: 'softmax' }));
  fill(model);
  return model;
}

const images = () => tensorOf(5, [2, 6, 6, 2]);

test('the units of an inner layer are explained like classes: a channel by its mean, a dense unit by itself', (t) => {
  const model = classifier();
  const [backbone] = model.layers as [tfl.Sequential];
  const pooled = tfl.layers.globalAveragePooling2d({}).apply(backbone.outputs[0]!);
  const channels = tfl.model({ inputs: backbone.inputs, outputs: symbolic(pooled) });
  const pairs = [
    { sample: 0, class: 2 },
    { sample: 1, class: 1 },
  ];
  const target = { layer: 'backbone/c2' };
  t.is(resolveTargetLayer(model, 'auto', { innerLayer: 'backbone/c2' }).path, 'backbone/c1');
  t.true(close(gradientMaps(model, images(), pairs, { target }), gradientMaps(channels, images(), pairs)));
  const maps = attentionMaps(model, images(), pairs, { target, relu: false }).maps;
  const expected = attentionMaps(channels, images(), pairs, { targetLayer: 'c1', relu: false }).maps;
  t.true(close(maps, expected));
  t.true(values(maps).some((value) => value !== 0));

  const hidden = tfl.model({ inputs: model.inputs, outputs: symbolic(model.getLayer('hidden').output) });
  const unit = [{ sample: 1, class: 3 }];
  const ofUnit = gradientMaps(model, images(), unit, { target: { layer: 'hidden' } });
  t.true(close(ofUnit, gradientMaps(hidden, images(), unit)));
});

test('a single neuron, and the difference of two classes, are functions of a layer or of the logits', (t) => {
  const model = classifier();
  const neuron = (c2: tf.Tensor) => tf.reshape(tf.slice(c2, [0, 3, 3, 0], [-1, 1, 1, 1]), [-1]);
  const pixels = gradientMaps(model, images(), [{ sample: 0, class: 0 }], {
    target: { layer: 'backbone/c2', score: neuron },
  });
  // Two 3×3 convolutions see five by five pixels.
  const seen = tf.sum(tf.abs(pixels), [0, 3]).arraySync() as number[][];
  seen.forEach((row, y) => {
    row.forEach((value, x) => {
      if (Math.abs(y - 3) > 2 || Math.abs(x - 3) > 2) t.is(value, 0);
    });
  });
  t.true(seen[3]![3]! > 0);

  const column = (logits: tf.Tensor, c: number) => tf.reshape(tf.slice(logits, [0, c], [-1, 1]), [-1]);
  const difference = gradientMaps(model, images(), [{ sample: 1, class: 0 }], {
    target: { score: (logits) => tf.sub(column(logits, 2), column(logits, 0)) },
  });
  const [two, zero] = [2, 0].map((label) => gradientMaps(model, images(), [{ sample: 1, class: label }]));
  t.true(close(difference, tf.sub(two!, zero!)));
});

test('several classes at once, and log-probabilities, are functions of the outputs', async (t) => {
  const model = classifier();
  const pairs = [{ sample: 0, class: 1 }];
  const target = (probabilities: tf.Tensor) => tf.log(probabilities);
  const found = gradientMaps(model, images(), pairs, { target });
  // ∂ log p_c = ∂ s_c − Σ_k p_k ∂ s_k
  const p = values(model.predict(images()) as tf.Tensor);
  const [g0, g1, g2] = [0, 1, 2].map((label) => gradientMaps(model, images(), [{ sample: 0, class: label }]));
  const mean = tf.addN([tf.mul(g0!, p[0]!), tf.mul(g1!, p[1]!), tf.mul(g2!, p[2]!)]);
  t.true(close(found, tf.sub(g1!, mean)));

  const both = (probabilities: tf.Tensor) => tf.sum(tf.slice(probabilities, [0, 0], [-1, 2]), 1);
  for (const method of [scoreCam, ablationCam]) {
    const maps = await method(model, images(), [{ sample: 1, class: 0 }], { target: both });
    t.deepEqual(maps.shape, [1, 6, 6]);
  }
  t.throws(() => gradientMaps(model, images(), pairs, { target: (y) => tf.sum(y) }), {
    instanceOf: UsageError,
    message: 'target: expected scores [1] or [1, classes], received []',
  });
});

test('an inner layer that does not exist, or does not depend on the explained one, is named', (t) => {
  const model = classifier();
  const pairs = [{ sample: 0, class: 0 }];
  t.throws(() => gradientMaps(model, images(), pairs, { target: { layer: 'hiden' } }), {
    instanceOf: ModelError,
    message: /^Model "net": no layer "hiden"\. Did you mean "hidden"\?/,
  });
  const options = { targetLayer: 'backbone/c2', target: { layer: 'backbone/c1' } };
  t.throws(() => attentionMaps(model, images(), pairs, options), {
    instanceOf: ModelError,
    message: 'Model "net": layer "backbone/c1" does not depend on layer "backbone/c2"',
  });
});

/** The similarity of two images: a·b of their pooled features. */
function twins(): tfl.LayersModel {
  const [a, b] = ['a', 'b'].map((name) => tfl.input({ shape: [5, 5, 1], name }));
  const conv = tfl.layers.conv2d({ name: 'conv', filters: 3, kernelSize: 3, activation: 'relu' });
  const embed = (x: tfl.SymbolicTensor) =>
    symbolic(
      tfl.layers.flatten().apply(symbolic(tfl.layers.maxPooling2d({}).apply(symbolic(conv.apply(x))))),
    );
  const model = tfl.model({ inputs: [a!, b!], outputs: [embed(a!), embed(b!)] });
  fill(model);
  return model;
}

test('the similarity of two images, by the pixels of either', (t) => {
  const model = twins();
  const inputs = [tensorOf(1, [2, 5, 5, 1]), tensorOf(2, [2, 5, 5, 1])];
  const target = (u: tf.Tensor, v: tf.Tensor) => tf.sum(tf.mul(u, v), 1);
  const pairs = [{ sample: 1, class: 0 }];
  for (const [index, name] of ['a', 'b'].entries()) {
    const pixels = values(gradientMaps(model, inputs, pairs, { target, input: name }));
    const numeric = pixels.map((_, i) => {
      const at = (step: number) => {
        const moved = inputs.map((input, k) => {
          const data = Float32Array.from(input.dataSync());
          if (k === index) data[25 + i]! += step;
          return tf.tensor(data, input.shape);
        });
        const [u, v] = model.predict(moved) as [tf.Tensor, tf.Tensor];
        return target(u, v).dataSync()[1]!;
      };
      return (at(1e-3) - at(-1e-3)) / 2e-3;
    });
    t.true(pixels.some((value) => Math.abs(value) > 0.01));
    pixels.forEach((value, i) => {
      t.true(Math.abs(value - numeric[i]!) < 2e-3, `pixel ${i}: ${value} against ${numeric[i]}`);
    });
  }
  // A layer that is called twice: its last call sees b, #0 sees a.
  const ofA = guidedGradCam(model, inputs, pairs, { target, input: 'a', targetLayer: 'conv#0' });
  t.deepEqual(ofA.shape, [1, 5, 5, 1]);
  t.throws(() => gradientMaps(model, inputs, pairs, { target, input: 'c' }), {
    instanceOf: UsageError,
    message: 'input: there is no "c"; there are 0 ("a"), 1 ("b")',
  });
});

test('methods that mask or ablate work on models with several inputs', async (t) => {
  const model = twins();
  const inputs = [tensorOf(1, [2, 5, 5, 1]), tensorOf(2, [2, 5, 5, 1])];
  const pairs = [{ sample: 1, class: 0 }];
  const target = (u: tf.Tensor, v: tf.Tensor) => tf.sum(tf.mul(u, v), 1);
  const maps = await ablationCam(model, inputs, pairs, { target, targetLayer: 'conv' });
  // Without channel k of b, u·v loses the terms of k.
  const [u, v] = (model.predict(inputs) as tf.Tensor[]).map((one) => tf.reshape(tf.slice(one, 1, 1), [1, 3]));
  const terms = tf.mul(u!, v!);
  const weights = tf.div(terms, tf.abs(tf.sum(terms)));
  const single = tfl.model({
    inputs: model.inputs[1]!,
    outputs: symbolic(model.getLayer('conv').getOutputAt(1)),
  });
  const features = tf.slice(single.predict(inputs[1]!) as tf.Tensor, 1, 1);
  t.true(close(maps, tf.relu(tf.sum(tf.mul(features, tf.reshape(weights, [1, 1, 1, 3])), -1)), 1e-5));
  t.deepEqual((await scoreCam(model, inputs, pairs, { target, targetLayer: 'conv' })).shape, [1, 3, 3]);
  const shared = await integratedGradients(model, inputs, pairs, { target, input: 'b', steps: 40 });
  const [one, other] = [inputs, [inputs[0]!, tf.zerosLike(inputs[1]!)]].map((x) => {
    const [p, q] = model.predict(x) as [tf.Tensor, tf.Tensor];
    return target(p, q).dataSync()[1]!;
  });
  const sum = tf.sum(shared).dataSync()[0]!;
  t.true(Math.abs(sum - (one! - other!)) < 0.02 * Math.abs(one! - other!), `${sum} of ${one! - other!}`);
});

test('a regression output', (t) => {
  const model = classifier();
  const scalar = tfl.sequential({
    layers: [model.layers[0]!, tfl.layers.flatten(), tfl.layers.dense({ units: 1 })],
  });
  const pixels = gradientMaps(scalar, images(), [{ sample: 0, class: 0 }]);
  const step = 1e-3;
  const moved = tf.add(
    images(),
    tf.mul(
      step,
      tf.pad(pixels, [
        [0, 1],
        [0, 0],
        [0, 0],
        [0, 0],
      ]),
    ),
  );
  const rise = forward(scalar, moved).dataSync()[0]! - forward(scalar, images()).dataSync()[0]!;
  const expected = step * tf.sum(tf.square(pixels)).dataSync()[0]!;
  t.true(Math.abs(rise - expected) < 0.02 * expected, `${rise} against ${expected}`);
});
