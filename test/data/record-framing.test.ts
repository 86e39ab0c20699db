import test from 'ava';
import { frameRecord } from '../../src/data/index.ts';
import { crc32c, splitRecords } from '../tensorboard/decode-events.ts';

test('a record is length, masked CRC, data, masked CRC', (t) => {
  const data = Buffer.from('123456789');
  t.is(crc32c(data), 0xe3069283);
  const record = Buffer.from(frameRecord(data));
  t.is(record.length, 9 + 16);
  t.is(record.readBigUInt64LE(0), 9n);
  t.is(record.subarray(12, 21).toString(), '123456789');
  // rotate right by 15: (e3069283 >>> 15) | (e3069283 << 17) = 0001c60d | 25060000; + a282ead8 = c78ab0e5
  t.is(record.readUInt32LE(21), 0xc78ab0e5);
  t.deepEqual(splitRecords(record), { records: [data], rest: Buffer.alloc(0) });
});

test('an empty record is framed too', (t) => {
  const { records, rest } = splitRecords(Buffer.from(frameRecord(new Uint8Array())));
  t.deepEqual([records.length, records[0]?.length, rest.length], [1, 0, 0]);
});
