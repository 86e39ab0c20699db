import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { RecordFile, readRecords } from '../../src/data/index.ts';
import { maskedCrc32c } from '../../src/data/record-framing.ts';
import { DataError } from '../../src/errors/index.ts';
import { temporaryFolder } from './temporary-folder.ts';

/** What TensorFlow wrote: three records, the second empty (test/reference/data_tfrecord.py). */
const reference = JSON.parse(
  readFileSync(new URL('../fixtures/data_tfrecord.json', import.meta.url), 'utf8'),
);
const plain = Buffer.from(reference.plain.file, 'base64');
const records: Buffer[] = reference.plain.records.map((record: string) => Buffer.from(record, 'base64'));

/** Where the parts of the third record's frame begin. */
const third = { header: 12 + records[0]!.length + 4 + 16, data: 12 + records[0]!.length + 4 + 16 + 12 };

async function readAll(path: string): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const record of readRecords(path)) all.push(Buffer.from(record));
  return all;
}

test('the masked CRC-32C of "123456789" is the published one', (t) => {
  const crc = 0xe3069283;
  const masked = (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
  t.is(maskedCrc32c(Buffer.from('123456789')), masked);
  t.is(maskedCrc32c(new Uint8Array([0, ...Buffer.from('123456789')]).subarray(1)), masked);
});

for (const kind of ['plain', 'GZIP', 'ZLIB']) {
  test(`reads what TensorFlow wrote: ${kind}`, async (t) => {
    const path = join(temporaryFolder(t), 'x.tfrecord');
    writeFileSync(path, Buffer.from(reference[kind].file, 'base64'));
    t.deepEqual(await readAll(path), records);
    const file = await RecordFile.open(path);
    t.is(file.count, 3);
    t.deepEqual(Buffer.from(await file.read(2)), records[2]);
    t.deepEqual(Buffer.from(await file.read(0)), records[0]);
    file.close();
  });
}

test('an empty file has no records', async (t) => {
  const path = join(temporaryFolder(t), 'x.tfrecord');
  writeFileSync(path, '');
  t.deepEqual(await readAll(path), []);
});

const flipped = (position: number) => (bytes: Buffer) => {
  bytes[position]! ^= 0x10;
  return bytes;
};
const corruptions: [what: string, change: (bytes: Buffer) => Buffer, message: string][] = [
  [
    'a truncated header',
    (b) => b.subarray(0, third.header + 7),
    'record 2: truncated: 7 of the 12 bytes of its header',
  ],
  [
    'truncated data',
    (b) => b.subarray(0, third.data + 100),
    `record 2: truncated: 100 of the ${records[2]!.length + 4} bytes of its data and CRC`,
  ],
  [
    'a truncated CRC',
    (b) => b.subarray(0, -1),
    `record 2: truncated: ${records[2]!.length + 3} of the ${records[2]!.length + 4} bytes of its data and CRC`,
  ],
  ['a flipped bit in a length', flipped(third.header + 1), 'record 2: CRC of the length does not match'],
  [
    'a flipped bit in the high half of a length',
    flipped(third.header + 7),
    'record 2: CRC of the length does not match',
  ],
  [
    'a flipped bit in the CRC of a length',
    flipped(third.header + 9),
    'record 2: CRC of the length does not match',
  ],
  ['a flipped bit in the data', flipped(third.data + 50), 'record 2: CRC of the data does not match'],
  [
    'a flipped bit in the CRC of the data',
    flipped(plain.length - 2),
    'record 2: CRC of the data does not match',
  ],
];
for (const [what, change, message] of corruptions) {
  test(`${what} is named, after the records before it`, async (t) => {
    const path = join(temporaryFolder(t), 'x.tfrecord');
    writeFileSync(path, change(Buffer.from(plain)));
    const error = await t.throwsAsync(readAll(path), { instanceOf: DataError });
    t.is(error?.message, `${path}, ${message}`);
  });
}

test('a length that asks for exabytes, with a right CRC, is held against the file and not allocated', async (t) => {
  const path = join(temporaryFolder(t), 'x.tfrecord');
  const header = Buffer.alloc(12);
  header.writeBigUInt64LE(2n ** 60n);
  header.writeUInt32LE(maskedCrc32c(header.subarray(0, 8)), 8);
  writeFileSync(path, Buffer.concat([header, Buffer.alloc(100)]));
  const error = await t.throwsAsync(RecordFile.open(path), { instanceOf: DataError });
  t.regex(error!.message, /record 0: truncated: 100 of the 11529215046068470\d\d bytes/);
});

test('a file that shrinks after it was opened', async (t) => {
  const path = join(temporaryFolder(t), 'x.tfrecord');
  writeFileSync(path, plain);
  const file = await RecordFile.open(path);
  truncateSync(path, third.data + 10);
  const error = await t.throwsAsync(file.read(2), { instanceOf: DataError });
  t.regex(error!.message, /record 2: truncated: 10 of the/);
  file.close();
});

test('a compressed file that is cut short', async (t) => {
  const path = join(temporaryFolder(t), 'x.tfrecord');
  writeFileSync(path, Buffer.from(reference.GZIP.file, 'base64').subarray(0, -20));
  await t.throwsAsync(readAll(path), {
    instanceOf: DataError,
    message: `${path}: cannot be unpacked: unexpected end of file`,
  });
});

test('a file that is missing, and one that is a folder', async (t) => {
  const folder = temporaryFolder(t);
  const missing = join(folder, 'none.tfrecord');
  await t.throwsAsync(readAll(missing), { instanceOf: DataError, message: `${missing}: no such file` });
  await t.throwsAsync(readAll(folder), { instanceOf: DataError, message: `${folder}: not a file` });
});
