import test from 'ava';
import { gaussianBlur } from '../../../src/explain/units/gaussian-blur.ts';
import { commonWindows, cut } from '../../../src/explain/units/patch-window.ts';
import { roll } from '../../../src/explain/units/roll.ts';

test('an image is rolled down and to the right, and back', (t) => {
  // Two rows of three pixels of two channels.
  const image = Float32Array.from([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  t.deepEqual([...roll(image, [2, 3, 2], [0, 1])], [5, 6, 1, 2, 3, 4, 11, 12, 7, 8, 9, 10]);
  t.deepEqual([...roll(image, [2, 3, 2], [1, 0])], [7, 8, 9, 10, 11, 12, 1, 2, 3, 4, 5, 6]);
  t.deepEqual([...roll(roll(image, [2, 3, 2], [5, -4]), [2, 3, 2], [-5, 4])], [...image]);
});

test('a point becomes a Gaussian bell, an edge is held, channels stay apart', (t) => {
  const image = new Float32Array(9 * 9 * 2);
  image[(4 * 9 + 4) * 2] = 1;
  const blurred = gaussianBlur(image, [9, 9, 2], 1);
  const total = [-3, -2, -1, 0, 1, 2, 3].reduce((sum, d) => sum + Math.exp(-(d * d) / 2), 0);
  for (let y = 1; y < 8; y++) {
    for (let x = 1; x < 8; x++) {
      const expected = Math.exp(-((y - 4) ** 2 + (x - 4) ** 2) / 2) / total ** 2;
      t.true(Math.abs(blurred[(y * 9 + x) * 2]! - expected) < 1e-7);
      t.is(blurred[(y * 9 + x) * 2 + 1], 0);
    }
  }
  const constant = gaussianBlur(new Float32Array(12).fill(3), [2, 6, 1], 0.7);
  t.true(constant.every((value) => Math.abs(value - 3) < 1e-6));
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
