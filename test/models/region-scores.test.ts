import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError, UsageError } from '../../src/errors/index.ts';
import { regionScores, withRegionScores, withSignedValues } from '../../src/models/index.ts';
import { startTestEngine } from '../gradcam/engine.ts';

test.before(startTestEngine);

/** Two rows of three pixels, two classes: the second class is called at the right, the first elsewhere. */
const answer = () =>
  tf.tensor4d(
    [
      [
        [
          [3, 1],
          [2, 1],
          [0, 4],
        ],
        [
          [5, 0],
          [1, -1],
          [2, 6],
        ],
      ],
    ],
    [1, 2, 3, 2],
  );

const close = (t: import('ava').ExecutionContext, actual: tf.Tensor, expected: readonly number[]) => {
  const values = actual.dataSync();
  t.is(values.length, expected.length);
  expected.forEach((value, i) => {
    t.true(Math.abs(values[i]! - value) < 1e-5, `${values}, not ${expected}`);
  });
};

const sigma = (x: number) => 1 / (1 + Math.exp(-x));

test('the logits of a region, its share and its probability, by hand', (t) => {
  close(t, regionScores(answer(), 'score', 'predicted', 'softmax'), [3 + 2 + 5 + 1, 4 + 6]);
  close(t, regionScores(answer(), 'score', 'all', 'softmax'), [13, 11]);
  close(t, regionScores(answer(), 'share', 'predicted', 'softmax'), [4 / 6, 2 / 6]);
  // The right third: only the second class is called there.
  const right = { xmin: 0.66, ymin: 0, xmax: 1, ymax: 1 };
  close(t, regionScores(answer(), 'score', right, 'softmax'), [2, 10]);
  close(t, regionScores(answer(), 'share', right, 'softmax'), [0, 1]);
  close(t, regionScores(answer(), 'chance', right, 'softmax'), [(sigma(-4) + sigma(-4)) / 2, sigma(4)]);
  // Several classes at a pixel: each is called where its own logit is above 0.
  close(t, regionScores(answer(), 'score', 'predicted', 'sigmoid'), [13, 1 + 1 + 4 + 6]);
});

test('the pixels of the region are no part of the derivative', (t) => {
  const gradient = tf.grad((y: tf.Tensor) =>
    tf.sum(tf.slice(regionScores(y as tf.Tensor4D, 'score', 'predicted', 'softmax'), [0, 1], [1, 1])),
  )(answer());
  close(t, gradient, [0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
});

test('a segmenter becomes a classifier, its softmax left out', (t) => {
  const model = tfl.sequential({
    layers: [tfl.layers.conv2d({ filters: 2, kernelSize: 1, inputShape: [2, 3, 2], activation: 'softmax' })],
  });
  model.setWeights([tf.tensor4d([1, 0, 0, 1], [1, 1, 2, 2]), tf.zeros([2])]);
  const [score, share, chance] = withRegionScores(model, 'predicted').predict(answer()) as tf.Tensor[];
  close(t, score!, [11, 10]);
  close(t, share!, [4 / 6, 2 / 6]);
  const chances = [3 - 1, 2 - 1, 5 - 0, 1 + 1].map(sigma).reduce((a, b) => a + b) / 6;
  close(t, chance!, [chances, (sigma(4) + sigma(4)) / 6]);
});

test('numbers and less them, for what raises and what lowers each', (t) => {
  const model = tfl.sequential({ layers: [tfl.layers.dense({ units: 2, inputShape: [2] })] });
  model.setWeights([tf.tensor2d([1, 0, 0, 2], [2, 2]), tf.zeros([2])]);
  close(t, withSignedValues(model).predict(tf.tensor2d([[3, -1]])) as tf.Tensor, [3, -3, -2, 2]);
});

test('what does not fit is said', (t) => {
  const flat = tfl.sequential({ layers: [tfl.layers.dense({ units: 2, inputShape: [2] })] });
  t.throws(() => withRegionScores(flat), {
    instanceOf: ModelError,
    message: /expected an output \[batch, height, width, classes\], found \[any, 2\]$/,
  });
  const model = tfl.sequential({
    layers: [tfl.layers.conv2d({ filters: 2, kernelSize: 1, inputShape: [2, 3, 2] })],
  });
  t.throws(() => withSignedValues(model), {
    instanceOf: ModelError,
    message: /expected an output \[batch, numbers\]/,
  });
  t.throws(() => withRegionScores(model, { xmin: 0.5, ymin: 0, xmax: 0.5, ymax: 1 }), {
    instanceOf: UsageError,
    message: /^region: expected xmin < xmax/,
  });
});
