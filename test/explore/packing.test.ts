import test from 'ava';
import { pack, unpack } from '../../src/explore/index.ts';

test('values with arrays come back as they were', (t) => {
  const value = {
    name: 'café',
    none: null,
    list: [1, Float32Array.from([1.5, -2, Number.POSITIVE_INFINITY]), { bytes: Uint8Array.from([1, 2, 3]) }],
    empty: new Float32Array(0),
  };
  t.deepEqual(unpack(pack(value)), value);
  // Where the bytes do not begin at a multiple of 4, as in a buffer of a pool.
  const packed = pack(value);
  const shifted = new Uint8Array(packed.length + 1).subarray(1);
  shifted.set(packed);
  t.deepEqual(unpack(shifted), value);
  t.deepEqual(unpack(pack(Buffer.from([7]))), Uint8Array.from([7]));
});

test('bytes that are cut short are refused', (t) => {
  const packed = pack({ values: new Float32Array(8) });
  for (const length of [0, 3, 10, packed.length - 4]) {
    t.throws(() => unpack(packed.subarray(0, length)), { message: /cut short/ }, String(length));
  }
  const forged = pack({ values: new Float32Array(1) });
  forged.set(new TextEncoder().encode(new TextDecoder().decode(forged).replace('["f4",1]', '["f4",9]')), 0);
  t.throws(() => unpack(forged), { message: /cut short/ });
});
