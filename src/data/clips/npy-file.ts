import { DataError } from '../../errors/index.ts';

/** Kinds of values of numpy: bytes, and how one is read. */
const kinds: Readonly<
  Record<string, readonly [bytes: number, read: (view: DataView, at: number, little: boolean) => number]>
> = {
  u1: [1, (view, at) => view.getUint8(at)],
  b1: [1, (view, at) => view.getUint8(at)],
  i1: [1, (view, at) => view.getInt8(at)],
  u2: [2, (view, at, little) => view.getUint16(at, little)],
  i2: [2, (view, at, little) => view.getInt16(at, little)],
  u4: [4, (view, at, little) => view.getUint32(at, little)],
  i4: [4, (view, at, little) => view.getInt32(at, little)],
  f4: [4, (view, at, little) => view.getFloat32(at, little)],
  f8: [8, (view, at, little) => view.getFloat64(at, little)],
};

/** An array of a `.npy` file. */
export interface NpyArray {
  readonly shape: readonly number[];
  readonly values: Float32Array;
  /** numpy's name of the kind: `u1`, `f4`. */
  readonly kind: string;
}

/**
 * Reads numpy's file of one array, versions 1 to 3.
 *
 * @param file for messages
 * @throws {DataError} for what is none, ends early, or holds values of another kind
 */
export function parseNpy(bytes: Uint8Array, file: string): NpyArray {
  const fail = (rule: string): never => {
    throw new DataError(`${file}: ${rule}`);
  };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 10 || bytes[0] !== 0x93 || String.fromCharCode(...bytes.subarray(1, 6)) !== 'NUMPY') {
    fail('expected a .npy file, which begins with \\x93NUMPY');
  }
  const long = bytes[6]! > 1;
  const start = long ? 12 : 10;
  const length = long ? view.getUint32(8, true) : view.getUint16(8, true);
  const header = Buffer.from(bytes.subarray(start, start + length)).toString('latin1');
  const [, order, kind] =
    /'descr':\s*'([<>|=])(\w+)'/.exec(header) ?? fail(`its header names no kind of values: ${header}`);
  const fortran = /'fortran_order':\s*True/.test(header);
  const [, sizes] = /'shape':\s*\(([^)]*)\)/.exec(header) ?? fail(`its header names no shape: ${header}`);
  const shape = sizes!
    .split(',')
    .map((size) => size.trim())
    .filter(Boolean)
    .map(Number);
  const found =
    kinds[kind!] ?? fail(`values of kind "${kind}" are not read; there are ${Object.keys(kinds).join(', ')}`);
  const [size, read] = found as (typeof kinds)[string];
  const count = shape.reduce((a, b) => a * b, 1);
  const at = start + length;
  if (!shape.every(Number.isInteger) || at + count * size > bytes.length) {
    fail(
      `expected ${count} values of ${size} bytes (${shape.join(' x ')}), the file ends after ${bytes.length} bytes`,
    );
  }
  if (fortran && shape.length > 1) fail('its axes are in the order of Fortran; save np.ascontiguousarray(a)');
  const values = Float32Array.from({ length: count }, (_, i) => read(view, at + i * size, order !== '>'));
  return { shape, values, kind: kind! };
}
