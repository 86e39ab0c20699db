import { closeSync, fstatSync, openSync, read as readCallback } from 'node:fs';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { DataError } from '../errors/index.ts';
import { compressionOf, unpack } from './compressed-bytes.ts';
import { dataIsIntact, FOOTER_BYTES, HEADER_BYTES, lengthOf } from './record-framing.ts';

const readAt = promisify(readCallback);

/**
 * A TFRecord file, read record by record in any order.
 *
 * `tfrecord-stream` writes our records and sums their CRCs, but its reader cannot be made safe: it reads the
 * whole record before any check (a flipped bit in a length asks for gigabytes), knows neither file nor record,
 * throws a RangeError on a truncated header and hands out views that the next read overwrites. And it is
 * sequential, while resuming at batch k should not read what lies before it. So the few lines that walk the
 * frames are ours: the CRC of a length is checked, and the length held against the size of the file, before a
 * byte is allocated.
 *
 * Files compressed by TensorFlow (`compression_type` GZIP or ZLIB) are recognised and held in memory.
 */
export class RecordFile {
  readonly path: string;
  /** Where record i's frame starts; the last entry is the size of the file. */
  readonly boundaries: Float64Array;
  readonly #source: ByteSource;

  private constructor(path: string, source: ByteSource, boundaries: Float64Array) {
    this.path = path;
    this.#source = source;
    this.boundaries = boundaries;
  }

  /**
   * Opens a file and finds its records by walking over the headers.
   *
   * @param boundaries of an earlier opening, to skip the walk
   * @throws {DataError} that names file and record when the file is missing, truncated, or a length is damaged
   */
  static async open(path: string, boundaries?: Float64Array): Promise<RecordFile> {
    const source = await openSource(path);
    try {
      return new RecordFile(path, source, boundaries ?? (await findBoundaries(path, source)));
    } catch (error) {
      source.close();
      throw error;
    }
  }

  get count(): number {
    return this.boundaries.length - 1;
  }

  /**
   * Reads one record; the bytes are the caller's to keep.
   *
   * @param record counted from 0
   * @throws {DataError} when the data is cut short or its CRC does not match
   */
  async read(record: number): Promise<Uint8Array> {
    const { start, size } = this.#extent(record);
    return this.#checked(record, await this.#source.read(start, size), size);
  }

  /** All records in order, read in large pieces: for a scan of the whole file. */
  async *records(): AsyncGenerator<Uint8Array> {
    const window = new ReadAhead(this.#source, 1 << 20);
    for (let record = 0; record < this.count; record++) {
      const { start, size } = this.#extent(record);
      yield Uint8Array.from(this.#checked(record, await window.read(start, size), size));
    }
  }

  close(): void {
    this.#source.close();
  }

  #extent(record: number): { start: number; size: number } {
    const start = this.boundaries[record]! + HEADER_BYTES;
    return { start, size: this.boundaries[record + 1]! - start };
  }

  #checked(record: number, bytes: Uint8Array, size: number): Uint8Array {
    if (bytes.length < size) throw truncated(this.path, record, bytes.length, size);
    if (!dataIsIntact(bytes)) {
      throw new DataError(`${this.path}, record ${record}: CRC of the data does not match`);
    }
    return bytes.subarray(0, size - FOOTER_BYTES);
  }
}

/** All records of a TFRecord file, in order. */
export async function* readRecords(path: string): AsyncGenerator<Uint8Array> {
  const file = await RecordFile.open(path);
  try {
    yield* file.records();
  } finally {
    file.close();
  }
}

async function findBoundaries(path: string, source: ByteSource): Promise<Float64Array> {
  const window = new ReadAhead(source, 1 << 14);
  const boundaries: number[] = [0];
  for (let start = 0; start < source.size; ) {
    const record = boundaries.length - 1;
    const header = await window.read(start, HEADER_BYTES);
    if (header.length < HEADER_BYTES) {
      throw new DataError(
        `${path}, record ${record}: truncated: ${header.length} of the ${HEADER_BYTES} bytes of its header`,
      );
    }
    const length = lengthOf(header);
    if (length === undefined) {
      throw new DataError(`${path}, record ${record}: CRC of the length does not match`);
    }
    const end = start + HEADER_BYTES + length + FOOTER_BYTES;
    if (end > source.size) {
      throw truncated(path, record, source.size - start - HEADER_BYTES, length + FOOTER_BYTES);
    }
    boundaries.push(end);
    start = end;
  }
  return Float64Array.from(boundaries);
}

function truncated(path: string, record: number, found: number, expected: number): DataError {
  return new DataError(
    `${path}, record ${record}: truncated: ${found} of the ${expected} bytes of its data and CRC`,
  );
}

interface ByteSource {
  readonly size: number;
  /** The bytes at a position, fewer at the end of the file. */
  read(position: number, length: number): Promise<Uint8Array>;
  close(): void;
}

async function openSource(path: string): Promise<ByteSource> {
  const file = openFile(path);
  try {
    const start = await file.read(0, HEADER_BYTES);
    // Only asked when the first bytes are no record header, so a record of an unlucky length is not mistaken.
    const compression =
      start.length === HEADER_BYTES && lengthOf(start) === undefined ? compressionOf(start) : undefined;
    if (!compression) return file;
    const whole = await unpack(await file.read(0, file.size), compression, path);
    file.close();
    return {
      size: whole.length,
      read: async (position, length) => Uint8Array.from(whole.subarray(position, position + length)),
      close: () => {},
    };
  } catch (error) {
    file.close();
    throw error;
  }
}

function openFile(path: string): ByteSource {
  let descriptor: number | undefined;
  try {
    descriptor = openSync(path, 'r');
    const status = fstatSync(descriptor);
    if (!status.isFile()) throw new Error('not a file');
    const fd = descriptor;
    let open = true;
    return {
      size: status.size,
      async read(position, length) {
        const bytes = Buffer.allocUnsafeSlow(Math.max(0, Math.min(length, status.size - position)));
        let filled = 0;
        while (filled < bytes.length) {
          const { bytesRead } = await readAt(fd, bytes, filled, bytes.length - filled, position + filled);
          if (bytesRead === 0) break;
          filled += bytesRead;
        }
        return bytes.subarray(0, filled);
      },
      close() {
        if (open) closeSync(fd);
        open = false;
      },
    };
  } catch (cause) {
    if (descriptor !== undefined) closeSync(descriptor);
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new DataError(`${path}: ${missing ? 'no such file' : (cause as Error).message}`, { cause });
  }
}

/** Serves small reads at growing positions out of large ones. */
class ReadAhead {
  readonly #source: ByteSource;
  readonly #bytes: number;
  #start = 0;
  #window: Uint8Array = new Uint8Array(0);

  constructor(source: ByteSource, bytes: number) {
    this.#source = source;
    this.#bytes = bytes;
  }

  /** Valid until the next call. */
  async read(position: number, length: number): Promise<Uint8Array> {
    if (position < this.#start || position + length > this.#start + this.#window.length) {
      this.#window = await this.#source.read(position, Math.max(length, this.#bytes));
      this.#start = position;
    }
    return this.#window.subarray(position - this.#start, position - this.#start + length);
  }
}

/** The name by which a record is known: file and number, as in `train-00000-of-00002.tfrecord#417`. */
export function recordId(path: string, record: number): string {
  return `${basename(path)}#${record}`;
}
