import { readFile } from 'node:fs/promises';
import test from 'ava';
import { npy } from '../../src/evaluation/map-files.ts';
import { cubicMatrix } from '../../src/evaluation/map-resizing.ts';

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

test('an npy file has its magic, an aligned header and little-endian floats', (t) => {
  const bytes = Buffer.from(npy(Float32Array.of(1, 2.5), [1, 2]));
  t.is(bytes.toString('latin1', 0, 8), '\x93NUMPY\x01\x00');
  const header = 10 + bytes.readUInt16LE(8);
  t.is(header % 64, 0);
  t.regex(
    bytes.toString('latin1', 10, header),
    /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(1, 2,\), \} *\n$/,
  );
  t.deepEqual([bytes.readFloatLE(header), bytes.readFloatLE(header + 4)], [1, 2.5]);
});
