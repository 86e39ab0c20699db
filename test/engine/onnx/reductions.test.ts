import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { type Case, type Operand, sameAsCpu } from './compare.ts';

const axes: (number | number[] | undefined)[] = [undefined, 0, -1, [0, 2], [1], [0, 1, 2]];

for (const run of [tf.sum, tf.mean, tf.max, tf.min, tf.prod]) {
  test(`${run.name} over axes, with and without keepDims`, (t) => {
    for (const axis of axes) {
      for (const keep of [false, true]) {
        const name = `${run.name} ${JSON.stringify(axis)} ${keep}`;
        // The gradient of prod calls chained methods, which tfjs-core alone does not have.
        const gradients = run !== tf.prod;
        sameAsCpu(t, { name, inputs: [[2, 3, 4]], run: (x) => run(x!, axis, keep), gradients });
      }
    }
  });
}

test('long sums of narrow rows', (t) => {
  for (const shape of [
    [2, 40, 64, 5],
    [3, 25, 80, 7],
    [1, 4096, 1, 2],
  ]) {
    for (const run of [tf.sum, tf.mean]) {
      for (const keep of [false, true]) {
        const name = `${run.name} of ${shape}`;
        sameAsCpu(t, { name, inputs: [shape], run: (x) => run(x!, [0, 1, 2], keep) });
      }
    }
  }
});

test('reductions of int32, bool, scalars and empty tensors', (t) => {
  const ints: Operand = { shape: [3, 4], dtype: 'int32' };
  const bools: Operand = { shape: [3, 4], dtype: 'bool' };
  for (const run of [tf.sum, tf.mean, tf.max, tf.min, tf.prod]) {
    sameAsCpu(t, { name: `${run.name} int32`, inputs: [ints], run: (x) => run(x!, 1) });
    sameAsCpu(t, { name: `${run.name} scalar`, inputs: [[]], run: (x) => run(x!), gradients: false });
  }
  sameAsCpu(t, { name: 'sum of bool', inputs: [bools], run: (x) => tf.sum(x!, 0) });
  sameAsCpu(t, { name: 'sum of empty', inputs: [[0, 3]], run: (x) => tf.sum(x!, 0), gradients: false });
  sameAsCpu(t, { name: 'all', inputs: [bools], run: (x) => tf.all(x!, 0) });
  sameAsCpu(t, { name: 'any', inputs: [bools], run: (x) => tf.any(x!, [0, 1], true) });
});

test('argMax and argMin take the first of equals', (t) => {
  const ties: Operand = { shape: [2, 5], values: [1, 3, 3, 0, 0, 2, 2, 2, 1, 1] };
  for (const run of [tf.argMax, tf.argMin]) {
    for (const axis of [0, 1, -1])
      sameAsCpu(t, { name: run.name, inputs: [ties], run: (x) => run(x!, axis) });
  }
});

test('cumsum, topk, softmax, logSoftmax, logSumExp', (t) => {
  for (const exclusive of [false, true]) {
    for (const reverse of [false, true]) {
      sameAsCpu(t, {
        name: 'cumsum',
        inputs: [[3, 4]],
        run: (x) => tf.cumsum(x!, 1, exclusive, reverse),
      });
    }
  }
  const ties: Operand = { shape: [2, 5], values: [1, 3, 3, 0, 0, 2, 2, 2, 1, 1] };
  const top: Case['run'] = (x) => {
    const { values, indices } = tf.topk(x!, 3);
    return [values, indices];
  };
  sameAsCpu(t, { name: 'topk', inputs: [ties], run: top, gradients: false });
  sameAsCpu(t, { name: 'softmax', inputs: [[2, 3, 5]], run: (x) => tf.softmax(x!) });
  sameAsCpu(t, { name: 'logSoftmax', inputs: [[4, 5]], run: (x) => tf.logSoftmax(x!) });
  sameAsCpu(t, { name: 'logSumExp', inputs: [[4, 5]], run: (x) => tf.logSumExp(x!, 1) });
});

test('the sum of a broadcast value counts every copy', (t) => {
  const run: Case['run'] = (x) =>
    tf.sum(tf.mul(tf.broadcastTo(x!, [5, 3, 4]), tf.fill([5, 3, 4], 2)), [0, 2]);
  sameAsCpu(t, { name: 'sum of broadcast', inputs: [[3, 1]], run });
  const mean: Case['run'] = (x) => tf.mean(tf.onesLike(x!), 0);
  sameAsCpu(t, { name: 'mean of ones', inputs: [[3, 4]], run: mean, gradients: false });
  const variance: Case['run'] = (x) => tf.moments(x!, [0, 1]).variance;
  sameAsCpu(t, { name: 'moments', inputs: [[6, 4, 3]], run: variance });
});
