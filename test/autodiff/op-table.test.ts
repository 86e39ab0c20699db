import * as tf from '@tensorflow/tfjs-core';
import test from 'ava';
import { enableHigherOrderGradients } from '../../src/autodiff/index.ts';
import { opTable } from './op-table.ts';
import { derivatives, type ReferenceCase, readFixture, relativeError, startTestEngine } from './reference.ts';

const { cases } = readFixture<{ cases: Record<string, ReferenceCase> }>('autodiff.json');
const TOLERANCE = { first: 2e-5, second: 1e-4, third: 1e-4 };

test.before(async () => {
  await startTestEngine();
  enableHigherOrderGradients();
});

test('every case of the reference is in the table, and the other way round', (t) => {
  t.deepEqual(Object.keys(opTable).sort(), Object.keys(cases).sort());
});

for (const [name, op] of Object.entries(opTable)) {
  test(`${name}: derivatives equal PyTorch's, and leave no tensor behind`, (t) => {
    const reference = cases[name]!;
    const before = tf.memory().numTensors;
    for (const order of ['first', 'second', 'third'] as const) {
      const expected = reference[order];
      if (expected === undefined) continue;
      const error = relativeError(derivatives(op, reference.inputs, order), expected);
      t.true(error < TOLERANCE[order], `${order} order differs by ${error.toExponential(1)}`);
    }
    t.is(tf.memory().numTensors, before);
  });
}
