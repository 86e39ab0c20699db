import { readFileSync } from 'node:fs';
import '@tensorflow/tfjs-backend-cpu';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs-layers';
import test from 'ava';
import { clipByGlobalNorm, Optimizer, type OptimizerSpec } from '../../src/gain/optimizers.ts';

const reference: {
  kernel: number[];
  bias: number[];
  x: number[];
  cases: Record<string, { kernel: number[]; bias: number[] }>;
} = JSON.parse(readFileSync(new URL('../fixtures/optimizers.json', import.meta.url), 'utf8'));

const specs: Record<string, OptimizerSpec> = {
  sgd: { name: 'sgd', learningRate: 0.1, momentum: 0 },
  'sgd momentum': { name: 'sgd', learningRate: 0.1, momentum: 0.9 },
  'sgd nesterov': { name: 'sgd', learningRate: 0.1, momentum: 0.9, nesterov: true, weightDecay: 0.01 },
  adam: { name: 'adam', learningRate: 0.05, beta1: 0.8, beta2: 0.99, epsilon: 1e-3, weightDecay: 0.02 },
  adamw: { name: 'adamw', learningRate: 0.05, weightDecay: 0.1 },
};

function problem(spec: OptimizerSpec) {
  const kernel = tf.variable(tf.tensor2d(reference.kernel, [2, 3]));
  const bias = tf.variable(tf.tensor1d(reference.bias));
  const x = tf.tensor2d(reference.x, [2, 2]);
  const optimizer = new Optimizer([kernel, bias], spec);
  const update = () =>
    tf.tidy(() => {
      const { grads } = tf.variableGrads(
        () => tf.mean(tf.square(tf.add(tf.matMul(x, kernel), bias))) as tf.Scalar,
        [kernel, bias],
      );
      optimizer.apply([grads[kernel.name]!, grads[bias.name]!]);
    });
  return { kernel, bias, optimizer, update };
}

const close = (actual: Iterable<number>, expected: readonly number[]) =>
  [...actual].every((value, i) => Math.abs(value - expected[i]!) < 2e-6);

for (const [name, spec] of Object.entries(specs)) {
  test.serial(`${name}: five updates equal torch.optim`, (t) => {
    const { kernel, bias, update } = problem(spec);
    for (let i = 0; i < 5; i++) update();
    t.true(close(kernel.dataSync(), reference.cases[name]!.kernel));
    t.true(close(bias.dataSync(), reference.cases[name]!.bias));
  });

  test.serial(`${name}: a restored state goes on exactly, without new tensors`, async (t) => {
    const whole = problem(spec);
    for (let i = 0; i < 5; i++) whole.update();
    const first = problem(spec);
    for (let i = 0; i < 2; i++) first.update();
    const second = problem(spec);
    second.kernel.assign(first.kernel);
    second.bias.assign(first.bias);
    second.optimizer.restore(await first.optimizer.state());
    const tensors = tf.memory().numTensors;
    for (let i = 0; i < 3; i++) second.update();
    t.is(tf.memory().numTensors, tensors);
    t.deepEqual(second.kernel.dataSync(), whole.kernel.dataSync());
    t.deepEqual(second.bias.dataSync(), whole.bias.dataSync());
  });
}

test.serial('a state of other shapes is refused', async (t) => {
  const { optimizer } = problem(specs.adam!);
  const state = await optimizer.state();
  t.throws(() => optimizer.restore({ updates: 1, tensors: state.tensors.slice(1) }), {
    message: /3 tensors, expected 4/,
  });
});

test.serial('clipping keeps the direction and bounds the global norm', (t) => {
  const gradients = [tf.tensor1d([3, 0]), null, tf.tensor1d([0, 4])];
  const [a, none, b] = clipByGlobalNorm(gradients, 1);
  t.is(none, null);
  t.true(close(a!.dataSync(), [0.6, 0]));
  t.true(close(b!.dataSync(), [0, 0.8]));
  t.true(close(clipByGlobalNorm(gradients, 10)[0]!.dataSync(), [3, 0]));
});
