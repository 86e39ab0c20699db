import { maskedCrc32c } from '../data/index.ts';

/**
 * Frames one event as a TFRecord, the unit that event files are made of.
 *
 * `u64 length | u32 maskedCrc(length) | data | u32 maskedCrc(data)`, all little endian, with
 * `maskedCrc(x) = rotateRight(crc32c(x), 15) + 0xa282ead8 (mod 2^32)`.
 *
 * @param data the encoded `Event`
 * @returns the record, `data.length + 16` bytes
 */
export function frameRecord(data: Uint8Array): Uint8Array {
  const record = Buffer.alloc(data.length + 16);
  record.writeBigUInt64LE(BigInt(data.length), 0);
  record.writeUInt32LE(maskedCrc32c(record.subarray(0, 8)), 8);
  record.set(data, 12);
  record.writeUInt32LE(maskedCrc32c(record.subarray(12, 12 + data.length)), 12 + data.length);
  return record;
}
