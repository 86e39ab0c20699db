import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { DataError } from '../errors/index.ts';

/** A few kilobytes can unpack to any size. Pictures, even black ones of MNIST, do not reach this ratio. */
const MOST_RATIO = 50;
/** What is always allowed, whatever the ratio. */
const SMALL = 2 ** 26;
/** More than fits into memory beside anything else. */
const MOST = 2 ** 31;

const unpackers = {
  gzip: promisify<Uint8Array, object, Buffer>(gunzip),
  zlib: promisify<Uint8Array, object, Buffer>(inflate),
};

/** How bytes are compressed, by how they begin. */
export function compressionOf(bytes: Uint8Array): keyof typeof unpackers | undefined {
  if (bytes[0] === 0x1f && bytes[1] === 0x8b) return 'gzip';
  if (bytes[0] === 0x78 && (bytes[0] * 256 + bytes[1]!) % 31 === 0) return 'zlib';
  return undefined;
}

/**
 * Unpacks bytes into memory, within bounds.
 *
 * @throws {DataError} when they are damaged, or unpack to more than data does
 */
export async function unpack(
  bytes: Uint8Array,
  compression: keyof typeof unpackers,
  where: string,
): Promise<Buffer> {
  const maxOutputLength = Math.min(MOST, Math.max(SMALL, bytes.length * MOST_RATIO));
  try {
    return await unpackers[compression](bytes, { maxOutputLength });
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    const rule =
      code === 'ERR_BUFFER_TOO_LARGE'
        ? `its ${bytes.length} bytes unpack to more than ${maxOutputLength}`
        : message;
    throw new DataError(`${where}: cannot be unpacked: ${rule}`, { cause });
  }
}

/** The bytes, unpacked where they are compressed by gzip. */
export async function unzipped(bytes: Buffer, where: string): Promise<Buffer> {
  return compressionOf(bytes) === 'gzip' ? unpack(bytes, 'gzip', where) : bytes;
}
