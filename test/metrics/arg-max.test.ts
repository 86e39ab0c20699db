import test from 'ava';
import { argMax } from '../../src/metrics/index.ts';

test('the index of the largest value, the first of several, counted from where the values begin', (t) => {
  t.is(argMax([1, 5, 2]), 1);
  t.is(argMax([3, 1, 3]), 0);
  t.is(argMax([-2, -1]), 1);
  t.is(argMax(Float32Array.of(9, 1, 2, 7, 8), 1, 3), 2);
});
