import test from 'ava';
import { frameStrip, mapAtFrames, shownFrames } from '../../src/pictures/index.ts';

test('frames side by side: rows of all frames, then the next row', (t) => {
  // Three frames of 2x2: 0 1 / 2 3, 10 11 / 12 13, 20 21 / 22 23.
  const values = Float32Array.from([0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23]);
  t.deepEqual([...frameStrip(values, [3, 2, 2], [0, 2])], [0, 1, 20, 21, 2, 3, 22, 23]);
  t.deepEqual([...frameStrip(values.subarray(0, 6), [3, 1, 1], [1, 0], 2)], [2, 3, 0, 1]);
});

test('a strip shows all frames, or so many, evenly chosen', (t) => {
  t.deepEqual(shownFrames(3), [0, 1, 2]);
  t.deepEqual(shownFrames(8, 4), [1, 3, 5, 7]);
  t.is(shownFrames(100).length, 8);
});

test('a map of fewer frames is interpolated in time, half-pixel centres, held at the ends', (t) => {
  const map = Float32Array.from([0, 10, 4, 30]);
  t.deepEqual([...mapAtFrames(map, 2, 4)], [0, 10, 1, 15, 3, 25, 4, 30]);
  t.deepEqual([...mapAtFrames(map, 2, 2)], [0, 10, 4, 30]);
  t.deepEqual([...mapAtFrames(map, 2, 1)], [2, 20]);
});
