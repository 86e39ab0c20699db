import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { startEngine } from '../../src/engine/index.ts';
import { ModelError, UsageError } from '../../src/errors/index.ts';
import { headFeatures, logisticRegression, refitLastLayer } from '../../src/gain/index.ts';
import { buildModel } from '../../src/models/index.ts';
import { normals, randomFor } from '../../src/random/index.ts';

test.before(() => startEngine({ engine: 'cpu' }));

/** 40 samples of 3 features; labels of 2 classes that follow the first two, with noise. */
function samples() {
  const features = normals(120, 'refit test');
  const random = randomFor('refit labels');
  const labels = new Float32Array(80);
  for (let n = 0; n < 40; n++) {
    for (let c = 0; c < 2; c++) labels[n * 2 + c] = Number(features[n * 3 + c]! + random.uniform(-1, 1) > 0);
  }
  return { features, labels, width: 3, classes: 2 };
}

test('the fit is where the gradient of the penalised loss vanishes', (t) => {
  const data = samples();
  for (const link of ['sigmoid', 'softmax'] as const) {
    if (link === 'softmax') for (let n = 0; n < 40; n++) data.labels[n * 2 + 1] = 1 - data.labels[n * 2]!;
    const weights = Float32Array.from({ length: 40 }, (_, n) => 1 + (n % 3));
    const lambda = 0.01;
    const { kernel, bias } = logisticRegression({ ...data, weights }, link, lambda);
    // By hand, in float64: d/dW of Σ v ℓ / Σ v + λ/2 ‖W of standardised features‖².
    const total = weights.reduce((sum, value) => sum + value);
    for (let k = 0; k < 3; k++) {
      const column = Array.from({ length: 40 }, (_, n) => data.features[n * 3 + k]!);
      const mean = column.reduce((sum, x, n) => sum + weights[n]! * x, 0) / total;
      const spread =
        Math.sqrt(column.reduce((sum, x, n) => sum + weights[n]! * (x - mean) ** 2, 0) / total) + 1e-6;
      for (let c = 0; c < 2; c++) {
        let gradient = lambda * kernel[k * 2 + c]! * spread;
        for (let n = 0; n < 40; n++) {
          const z = [0, 1].map((d) =>
            [0, 1, 2].reduce((sum, j) => sum + data.features[n * 3 + j]! * kernel[j * 2 + d]!, bias[d]!),
          );
          const p =
            link === 'sigmoid'
              ? 1 / (1 + Math.exp(-z[c]!))
              : Math.exp(z[c]!) / (Math.exp(z[0]!) + Math.exp(z[1]!));
          gradient += ((weights[n]! / total) * (p - data.labels[n * 2 + c]!) * (column[n]! - mean)) / spread;
        }
        t.true(Math.abs(gradient) < 1e-5, `${link}: dL/dW[${k},${c}] = ${gradient}`);
      }
    }
  }
  t.throws(() => logisticRegression({ ...samples(), width: 7 }, 'sigmoid'), { instanceOf: UsageError });
});

test('refitting replaces the rows that were asked for, and is the model’s own logit afterwards', (t) => {
  const model = buildModel('small-cnn', { inputShape: [8, 8, 3], classes: 3, seed: 2, widths: [4, 5] });
  const images = tf.randomUniform<tf.Rank.R4>([30, 8, 8, 3], 0, 1, 'float32', 3);
  const { values, width } = headFeatures(model, images);
  t.is(width, 5);
  const labels = new Float32Array(90);
  for (let n = 0; n < 30; n++) labels[n * 3 + 1] = Number(values[n * 5 + 2]! > 0.05);
  const before = model.getWeights().map((weight) => Float32Array.from(weight.dataSync()));
  const data = { features: values, labels, width, classes: 3 };
  refitLastLayer(model, data, { link: 'sigmoid', classes: [1], subsets: 1 });
  const after = model.getWeights().map((weight) => Float32Array.from(weight.dataSync()));
  const [kernel, bias] = [after.at(-2)!, after.at(-1)!];
  t.deepEqual(after.slice(0, -2), before.slice(0, -2));
  for (let k = 0; k < 5; k++) for (const c of [0, 2]) t.is(kernel[k * 3 + c], before.at(-2)![k * 3 + c]);
  const fitted = logisticRegression(
    { ...data, labels: labels.filter((_, i) => i % 3 === 1), classes: 1 },
    'sigmoid',
  );
  t.deepEqual(
    [...kernel].filter((_, i) => i % 3 === 1),
    [...fitted.kernel],
  );
  t.is(bias[1], fitted.bias[0]);

  refitLastLayer(model, data, { link: 'sigmoid', classes: [1], subsets: 3, seed: 4 });
  const averaged = [...model.getWeights().at(-2)!.dataSync()];
  refitLastLayer(model, data, { link: 'sigmoid', classes: [1], subsets: 3, seed: 4 });
  t.deepEqual([...model.getWeights().at(-2)!.dataSync()], averaged);
  t.throws(() => refitLastLayer(model, data, { link: 'sigmoid', classes: [3] }), {
    instanceOf: UsageError,
    message: 'refit: no class 3; the model has 3',
  });
  images.dispose();
  model.dispose();
});

test('a model that does not end in a dense layer cannot be refitted', (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ inputShape: [8, 8, 3], filters: 2, kernelSize: 1 }),
      tfl.layers.globalAveragePooling2d({}),
    ],
  });
  t.throws(() => headFeatures(model, tf.zeros([1, 8, 8, 3])), {
    instanceOf: ModelError,
    message: /expected a dense layer to give the logits, found "\w+" \(GlobalAveragePooling2D\)/,
  });
});
