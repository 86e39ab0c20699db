import test from 'ava';
import { commonWindows, cut } from '../../../src/explain/units/patch-window.ts';
import { roll } from '../../../src/explain/units/roll.ts';

test('an image is rolled down and to the right, and back', (t) => {
  // Two rows of three pixels of two channels.
  const image = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  t.deepEqual([...roll(image, [2, 3, 2], [0, 1])], [5, 6, 1, 2, 3, 4, 11, 12, 7, 8, 9, 10]);
  t.deepEqual([...roll(image, [2, 3, 2], [1, 0])], [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6]);
  t.deepEqual([...roll(roll(image, [2, 3, 2], [5, -4]), [2, 3, 2], [-5, 4])], [...image]);
});

test('windows are as large as the largest, lie in the image, and hold what is not 0', (t) => {
  const first = new Float32Array(5 * 6);
  first[6 * 1 + 1] = 1;
  first[6 * 3 + 2] = -2;
  const corner = new Float32Array(5 * 6);
  corner[6 * 4 + 5] = 1e-3;
  t.deepEqual(commonWindows([first, corner], [5, 6, 1]), [
    { top: 1, left: 1, height: 3, width: 2 },
    { top: 2, left: 4, height: 3, width: 2 },
  ]);
  t.deepEqual([...cut(first, 6, 1, { top: 1, left: 1, height: 3, width: 2 })], [1, 0, 0, 0, 0, -2]);
  t.deepEqual(commonWindows([new Float32Array(30)], [5, 6, 1]), [{ top: 0, left: 0, height: 5, width: 6 }]);
});
