import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { attentionMaps } from '../../src/gradcam/index.ts';
import { startTestEngine } from './engine.ts';
import { numbers } from './reference-network.ts';

test.before(startTestEngine);

const [places, words, vocabulary] = [5, 3, 4];

/** A picture and the words so far, read by a recurrent layer, give the scores of the next word at every place: [B,3,4]. */
function captioner() {
  const image = tfl.input({ name: 'image', shape: [places + 2, places + 2, 2] });
  const given = tfl.input({ name: 'words', shape: [words], dtype: 'int32' });
  const maps = tfl.layers
    .conv2d({ name: 'maps', filters: 3, kernelSize: 3, activation: 'softplus' })
    .apply(image) as tfl.SymbolicTensor;
  const features = tfl.input({ name: 'features', shape: [places, places, 3] });
  // The same layers twice: behind the picture, and behind features that a test may change.
  const head = (from: tfl.SymbolicTensor) => {
    const seen = flat.apply(from) as tfl.SymbolicTensor;
    const told = repeat.apply(dense.apply(seen)) as tfl.SymbolicTensor;
    const read = embedding.apply(given) as tfl.SymbolicTensor;
    return scores.apply(gru.apply(join.apply([told, read]))) as tfl.SymbolicTensor;
  };
  const flat = tfl.layers.flatten();
  const dense = tfl.layers.dense({ name: 'dense', units: 4, activation: 'tanh' });
  const repeat = tfl.layers.repeatVector({ n: words });
  const embedding = tfl.layers.embedding({ inputDim: vocabulary, outputDim: 2 });
  const join = tfl.layers.concatenate();
  const gru = tfl.layers.gru({ units: 5, returnSequences: true });
  const scores = tfl.layers.dense({ name: 'scores', units: vocabulary });
  const model = tfl.model({ inputs: [image, given], outputs: head(maps) });
  const rest = tfl.model({ inputs: [features, given], outputs: head(features) });
  for (const [i, weight] of model.weights.entries()) {
    const values = numbers(
      50 + i,
      weight.shape.reduce<number>((product, size) => product * size!, 1),
    );
    weight.write(
      tf.tensor(
        values.map((value) => 0.9 * value),
        weight.shape as number[],
      ),
    );
  }
  return { model, rest };
}

const images = () => tf.tensor4d(numbers(7, 2 * 98), [2, 7, 7, 2]);
const given = () =>
  tf.tensor2d(
    [
      [0, 1, 3],
      [2, 2, 1],
    ],
    [2, words],
    'int32',
  );

/** The score of the word at a place of the caption. */
const wordAt = (place: number) => (scores: tf.Tensor) =>
  tf.reshape(tf.slice(scores, [0, place, 0], [-1, 1, -1]), [-1, vocabulary]);

test('the map of a word of a caption is Grad-CAM of its score, by finite differences', (t) => {
  const { model, rest } = captioner();
  const pairs = [
    { sample: 0, class: 1 },
    { sample: 1, class: 3 },
    { sample: 0, class: 2 },
  ];
  const features = tfl
    .model({ inputs: model.inputs, outputs: model.getLayer('maps').output as tfl.SymbolicTensor })
    .predict([images(), given()]) as tf.Tensor;
  const a = Float32Array.from(features.dataSync());
  const step = 0.02;
  for (const place of [0, 2]) {
    const { maps } = attentionMaps(model, [images(), given()], pairs, {
      target: wordAt(place),
      targetLayer: 'maps',
      relu: false,
    });
    t.deepEqual(maps.shape, [3, places, places]);
    const found = maps.dataSync();
    for (const [p, pair] of pairs.entries()) {
      // All changes of one sample's features in one batch: w_k = mean over places of ∂s/∂A_k.
      const size = places * places * 3;
      const own = a.subarray(pair.sample * size, (pair.sample + 1) * size);
      const score = (sign: number) => {
        const changed = Float32Array.from({ length: size * size }, (_, i) =>
          i % size === Math.floor(i / size) ? own[i % size]! + sign * step : own[i % size]!,
        );
        const rows = tf.tile(tf.slice(given(), [pair.sample, 0], [1, -1]), [size, 1]);
        const answers = rest.predict([tf.tensor4d(changed, [size, places, places, 3]), rows]) as tf.Tensor;
        return tf.slice(answers, [0, place, pair.class], [-1, 1, 1]).dataSync();
      };
      const [up, down] = [score(1), score(-1)];
      const weights = [0, 1, 2].map((k) => {
        let sum = 0;
        for (let i = k; i < size; i += 3) sum += (up[i]! - down[i]!) / (2 * step);
        return sum / (places * places);
      });
      for (let i = 0; i < places * places; i++) {
        const expected = weights.reduce((sum, weight, k) => sum + weight * own[3 * i + k]!, 0);
        t.true(
          Math.abs(found[p * places * places + i]! - expected) < 2e-4,
          `word ${place}, pair ${p}: ${found[p * places * places + i]} for ${expected}`,
        );
      }
    }
  }
});

test('a loss on the map of any score reaches every weight, through the recurrent layer too (second order)', (t) => {
  const { model } = captioner();
  const coefficients = tf.tensor3d(numbers(11, 2 * places * places), [2, places, places]);
  // The log-probability of a word of the caption: a function of all outputs.
  const target = (scores: tf.Tensor) => tf.logSoftmax(wordAt(1)(scores));
  const pairs = [0, 1].map((sample) => ({ sample, class: 2 - sample }));
  const loss = () =>
    tf.tidy(() => {
      const { maps } = attentionMaps(model, [images(), given()], pairs, {
        target,
        targetLayer: 'maps',
        relu: false,
      });
      return tf.mul(100, tf.sum(tf.mul(maps, coefficients))) as tf.Scalar;
    });
  const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);
  const { grads } = tf.variableGrads(loss, variables);
  const step = 1e-2;
  for (const [i, variable] of variables.entries()) {
    const values = Float32Array.from(variable.dataSync());
    const gradient = grads[variable.name]?.dataSync();
    for (const at of [0, Math.floor(values.length / 2)]) {
      const moved = (by: number) => {
        const next = Float32Array.from(values);
        next[at]! += by;
        variable.assign(tf.tensor(next, variable.shape));
        return loss().dataSync()[0]!;
      };
      // Fourth order, so that the step may be large against the rounding of float32.
      const slope = (8 * (moved(step) - moved(-step)) - (moved(2 * step) - moved(-2 * step))) / (12 * step);
      variable.assign(tf.tensor(values, variable.shape));
      const found = gradient?.[at] ?? 0;
      const allowed = 0.02 * Math.abs(slope) + 0.01;
      t.true(
        Math.abs(found - slope) < allowed,
        `${model.trainableWeights[i]!.originalName}[${at}]: ${found} for ${slope}`,
      );
    }
  }
});
