/** A decoder of event files for the tests, written apart from the writer: bitwise CRC, generic protobuf. */

/** CRC-32C (Castagnoli), bit by bit. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

function maskedCrc(bytes: Uint8Array): number {
  const crc = BigInt(crc32c(bytes));
  return Number(((((crc >> 15n) | (crc << 17n)) % 2n ** 32n) + 0xa282ead8n) % 2n ** 32n);
}

/** Splits a file into its complete records; what follows the last one is `rest`. */
export function splitRecords(file: Buffer): { records: Buffer[]; rest: Buffer } {
  const records: Buffer[] = [];
  let at = 0;
  while (at + 12 <= file.length) {
    const length = Number(file.readBigUInt64LE(at));
    if (at + length + 16 > file.length) break;
    const data = file.subarray(at + 12, at + 12 + length);
    if (file.readUInt32LE(at + 8) !== maskedCrc(file.subarray(at, at + 8)))
      throw new Error(`length at ${at}`);
    if (file.readUInt32LE(at + 12 + length) !== maskedCrc(data)) throw new Error(`data at ${at}`);
    records.push(data);
    at += length + 16;
  }
  return { records, rest: file.subarray(at) };
}

/** The fields of a protobuf message in their order; varints and fixed numbers as hosts of their wire type. */
export function fields(message: Uint8Array): { field: number; value: bigint | number | Buffer }[] {
  const bytes = Buffer.from(message);
  const found: { field: number; value: bigint | number | Buffer }[] = [];
  let at = 0;
  const take = (count: number) => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = take(1)[0]!;
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const number = key >>> 3;
    if ((key & 7) === 0) found.push({ field: number, value: varint() });
    else if ((key & 7) === 1) found.push({ field: number, value: take(8).readDoubleLE() });
    else if ((key & 7) === 5) found.push({ field: number, value: take(4).readFloatLE() });
    else found.push({ field: number, value: take(Number(varint())) });
  }
  return found;
}

/** The first value at a path of field numbers, as `fields` gives it; undefined where there is none. */
export function field(message: Uint8Array, ...path: number[]): bigint | number | Buffer | undefined {
  let value: bigint | number | Buffer | undefined = Buffer.from(message);
  for (const number of path) value = fields(value as Buffer).find((entry) => entry.field === number)?.value;
  return value;
}
