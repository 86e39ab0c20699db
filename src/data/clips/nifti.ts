import { DataError } from '../../errors/index.ts';
import type { Volume } from './volume.ts';

/** Types of values by the number that the header has for them: bytes, and how one is read. */
const types: Readonly<
  Record<number, readonly [bytes: number, read: (view: DataView, at: number, little: boolean) => number]>
> = {
  2: [1, (view, at) => view.getUint8(at)],
  4: [2, (view, at, little) => view.getInt16(at, little)],
  8: [4, (view, at, little) => view.getInt32(at, little)],
  16: [4, (view, at, little) => view.getFloat32(at, little)],
  64: [8, (view, at, little) => view.getFloat64(at, little)],
  256: [1, (view, at) => view.getInt8(at)],
  512: [2, (view, at, little) => view.getUint16(at, little)],
  768: [4, (view, at, little) => view.getUint32(at, little)],
};

/** Least size of a header of version 1. */
const headerSize = 348;

/**
 * A NIfTI-1 file, unpacked: slope and intercept applied, axes as [z, y, x, channel], a fourth axis (time, or
 * several measures) as channels.
 *
 * @param file for messages
 * @throws {DataError} for what is no NIfTI-1, ends early, or holds values of another kind (complex, colours)
 */
export function parseNifti(bytes: Uint8Array, file: string): Volume {
  const fail = (rule: string): never => {
    throw new DataError(`${file}: ${rule}`);
  };
  if (bytes.length < headerSize)
    fail(`expected a NIfTI-1 header of ${headerSize} bytes, found ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const little = view.getInt32(0, true) === headerSize;
  if (!little && view.getInt32(0, false) !== headerSize) {
    fail('expected NIfTI-1, whose first number is 348 (NIfTI-2 and others are not read)');
  }
  const magic = String.fromCharCode(...bytes.subarray(344, 347));
  if (magic !== 'n+1') fail(`expected header and data in one file ("n+1"), found "${magic}"`);
  const rank = view.getInt16(40, little);
  const sizes = Array.from({ length: 4 }, (_, i) => (i < rank ? view.getInt16(42 + 2 * i, little) : 1));
  const rest = Array.from({ length: Math.max(0, rank - 4) }, (_, i) => view.getInt16(50 + 2 * i, little));
  if (rank < 1 || rank > 7 || sizes.some((size) => size < 1) || rest.some((size) => size !== 1)) {
    fail(
      `expected up to four axes with sizes of at least 1, found ${rank}: ${[...sizes, ...rest].join(' x ')}`,
    );
  }
  const [width, height, depth, channels] = sizes as [number, number, number, number];
  const code = view.getInt16(70, little);
  const type =
    types[code] ?? fail(`values of type ${code} are not read; there are ${Object.keys(types).join(', ')}`);
  const [size, read] = type as (typeof types)[number];
  const start = Math.trunc(view.getFloat32(108, little));
  const count = width * height * depth * channels;
  if (start < headerSize || start + count * size > bytes.length) {
    fail(
      `expected ${count} values of ${size} bytes from byte ${start} on, the file ends after ${bytes.length}`,
    );
  }
  const slope = view.getFloat32(112, little);
  const [scale, shift] =
    slope === 0 || !Number.isFinite(slope) ? [1, 0] : [slope, view.getFloat32(116, little)];
  const values = new Float32Array(count);
  const plane = width * height * depth;
  for (let c = 0; c < channels; c++) {
    for (let i = 0; i < plane; i++) {
      values[i * channels + c] = read(view, start + (c * plane + i) * size, little) * scale + shift;
    }
  }
  return { shape: [depth, height, width, channels], values };
}
