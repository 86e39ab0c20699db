import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { attentionMaps } from '../../src/gradcam/index.ts';
import { startTestEngine } from './engine.ts';
import { buildCase, numbers, pairsOf, reference, tensorOf } from './reference-network.ts';

test.before(startTestEngine);

for (const one of reference.cases) {
  test(`maps, and their second-order gradient for every weight, equal PyTorch's: ${one.title}`, (t) => {
    const { model, variables } = buildCase(one);
    const images = tensorOf(7, one.input);
    const pairs = pairsOf(one);

    for (const { method, differentiateWeights, maps, logits, grads } of one.results) {
      const title = `${method}, ${differentiateWeights ? 'weights differentiated' : 'weights constant'}`;
      const live = tf.memory().numTensors;
      const form = tf.tensor1d(numbers(9, maps.length));
      let found: { maps: tf.Tensor; logits: tf.Tensor } | undefined;
      const { value, grads: actual } = tf.variableGrads(() => {
        found = attentionMaps(model, images, pairs, {
          method,
          differentiateWeights,
          targetLayer: one.target,
          batchNorm: one.batchNorm ?? 'inference',
        });
        tf.keep(found.maps);
        tf.keep(found.logits);
        const flat = tf.reshape(found.maps, [-1]);
        return tf.add(tf.sum(tf.mul(form, flat)), tf.div(tf.sum(tf.square(flat)), 2)) as tf.Scalar;
      }, [...variables.values()]);
      t.true(difference(found!.maps.dataSync(), maps) < 1e-4, `${title}: maps`);
      t.true(difference(found!.logits.dataSync(), logits) < 1e-4, `${title}: logits`);

      // A gradient that PyTorch finds to be zero is measured against the largest of the others.
      const largest = Math.max(...Object.values(grads).flat().map(Math.abs));
      for (const [name, variable] of variables) {
        const gradient = actual[variable.name]?.dataSync() ?? new Float32Array(variable.size);
        const expected = grads[name];
        const error = expected
          ? difference(gradient, expected)
          : Math.max(...gradient.map(Math.abs)) / largest;
        t.true(error < 1e-4, `${title}: gradient of ${name} differs by ${error}`);
      }
      tf.dispose([value, actual, found!.maps, found!.logits, form]);
      t.is(tf.memory().numTensors, live, `${title}: live tensors`);
    }
    tf.dispose(images);
    model.dispose();
  });
}

/** The largest difference, relative to the largest expected value. */
function difference(actual: ArrayLike<number>, expected: number[]): number {
  if (actual.length !== expected.length) return Number.POSITIVE_INFINITY;
  const scale = Math.max(...expected.map(Math.abs));
  return Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value))) / scale;
}
