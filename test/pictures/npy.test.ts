import test from 'ava';
import { npy } from '../../src/pictures/index.ts';

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
