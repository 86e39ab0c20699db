/** An IDX file of unsigned bytes. */
export function idx(shape: number[], values: number[]): Buffer {
  const header = Buffer.alloc(4 + shape.length * 4);
  header.set([0, 0, 8, shape.length]);
  for (const [i, size] of shape.entries()) header.writeUInt32BE(size, 4 + i * 4);
  return Buffer.concat([header, Buffer.from(values)]);
}
