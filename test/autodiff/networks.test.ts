import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { explanationLoss, networks } from './networks.ts';
import { readFixture, relativeError, startTestEngine } from './reference.ts';

interface NetworkReference {
  parameters: number[][];
  loss: number;
  gradients: number[][];
}

const { networks: references } = readFixture<{ networks: Record<string, NetworkReference> }>(
  'autodiff-networks.json',
);

test.before(async () => {
  await startTestEngine();
  enableHigherOrderGradients();
});

for (const [name, network] of Object.entries(networks)) {
  test(`${name}: the gradient of a loss on the explanation equals PyTorch's for every parameter`, (t) => {
    const reference = references[name]!;
    const before = tf.memory().numTensors;
    const { loss, gradients } = explanationLoss(network, reference.parameters);
    t.true(Math.abs(loss / reference.loss - 1) < 1e-5, `loss ${loss}, reference ${reference.loss}`);
    reference.gradients.forEach((expected, index) => {
      const error = relativeError([gradients[index]!], [expected]);
      t.true(error < 1e-4, `parameter ${index} differs by ${error.toExponential(1)}`);
    });
    t.is(tf.memory().numTensors, before);
  });
}
