import { ModelError } from '../../errors/index.ts';

/** One tensor of a PyTorch state dict. */
export interface TorchTensor {
  readonly shape: readonly number[];
  /** Row by row, whatever the strides in the file. */
  values(): Float32Array;
}

/** The weights of a PyTorch model by name: `layer1.0.conv1.weight`. */
export type StateDict = ReadonlyMap<string, TorchTensor>;

/** More dimensions or numbers than any weight has. */
export function checkedShape(where: string, shape: unknown): number[] {
  const good =
    Array.isArray(shape) &&
    shape.length <= 8 &&
    shape.every((size) => Number.isSafeInteger(size) && size >= 0 && size < 2 ** 31);
  if (!good) throw new ModelError(`${where}: its shape is ${JSON.stringify(shape)}`);
  return shape;
}

/** Bytes of a number, and how it is read. */
const readers: Record<string, { bytes: number; read(view: DataView, at: number): number }> = {
  F64: { bytes: 8, read: (view, at) => view.getFloat64(at, true) },
  F32: { bytes: 4, read: (view, at) => view.getFloat32(at, true) },
  F16: { bytes: 2, read: (view, at) => halfFloat(view.getUint16(at, true)) },
  BF16: { bytes: 2, read: (view, at) => bfloat(view.getUint16(at, true)) },
  I64: { bytes: 8, read: (view, at) => Number(view.getBigInt64(at, true)) },
  I32: { bytes: 4, read: (view, at) => view.getInt32(at, true) },
  I16: { bytes: 2, read: (view, at) => view.getInt16(at, true) },
  I8: { bytes: 1, read: (view, at) => view.getInt8(at) },
  U8: { bytes: 1, read: (view, at) => view.getUint8(at) },
  BOOL: { bytes: 1, read: (view, at) => view.getUint8(at) },
};

/**
 * How numbers of a type lie in a file.
 *
 * @throws {ModelError} for a type that is not known
 */
export function readerOf(where: string, dtype: string) {
  const reader = Object.hasOwn(readers, dtype) ? readers[dtype] : undefined;
  if (!reader) throw new ModelError(`${where}: numbers of type ${JSON.stringify(dtype)} cannot be read`);
  return reader;
}

function halfFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const word = new DataView(new ArrayBuffer(4));
function bfloat(bits: number): number {
  word.setUint32(0, bits << 16);
  return word.getFloat32(0);
}
