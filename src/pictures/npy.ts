/** A float32 array as an `.npy` file, version 1.0 (NumPy Enhancement Proposal 1). */
export function npy(values: Float32Array, shape: readonly number[]): Uint8Array {
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape.map((size) => `${size},`).join(' ')}), }`;
  // Magic, version and length take 10 bytes; the header ends with a line feed at a multiple of 64.
  const length = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const header = Buffer.alloc(10 + length, 0x20);
  header.set([0x93, ...Buffer.from('NUMPY'), 1, 0]);
  header.writeUInt16LE(length, 8);
  header.write(text, 10, 'latin1');
  header[header.length - 1] = 0x0a;
  const body = Buffer.alloc(4 * values.length);
  for (let i = 0; i < values.length; i++) body.writeFloatLE(values[i]!, 4 * i);
  return Buffer.concat([header, body]);
}
