import { readFile } from 'node:fs/promises';
import test from 'ava';
import { cubicMatrix } from '../../src/gradcam/resize-cubic.ts';

test('maps are resized as OpenCV resizes with INTER_CUBIC', async (t) => {
  const url = new URL('../fixtures/localization_measures.json', import.meta.url);
  const { cubic } = JSON.parse(await readFile(url, 'utf8'));
  const [h, w] = cubic.from;
  const [height, width] = cubic.to;
  const [rows, columns] = [cubicMatrix(h, height), cubicMatrix(w, width)];
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      let value = 0;
      for (let i = 0; i < h; i++) {
        for (let j = 0; j < w; j++) value += rows[y * h + i]! * columns[x * w + j]! * cubic.values[i * w + j];
      }
      t.true(Math.abs(value - cubic.resized[y * width + x]) < 1e-5, `${y}, ${x}`);
    }
  }
});
