import test from 'ava';
import {
  encodeEvent,
  histogramValue,
  imageValue,
  pluginValue,
  scalarValue,
  textValue,
} from '../../src/tensorboard/event.ts';
import { summarizeHistogram } from '../../src/tensorboard/histogram.ts';
import { experimentValue, sessionEndValue, sessionStartValue } from '../../src/tensorboard/hparams.ts';
import { field, fields } from './decode-events.ts';

/** Bytes written out by hand: hexadecimal with free spacing, and 'text' in quotes. */
function bytes(written: string): string {
  return written
    .replace(/'([^']*)'/g, (_, text: string) => Buffer.from(text).toString('hex'))
    .replace(/\s/g, '');
}

function hex(encoded: Uint8Array): string {
  return Buffer.from(encoded).toString('hex');
}

test('the first event names the file version and has no step', (t) => {
  t.is(
    hex(encodeEvent(1.5, null, { fileVersion: 'brain.Event:2' })),
    bytes(`09 000000000000f83f  1a 0d 'brain.Event:2'`),
  );
});

test('a scalar event, byte by byte', (t) => {
  t.is(
    hex(encodeEvent(1.5, 300, { summary: [scalarValue('a', 0.25)] })),
    bytes(`09 000000000000f83f  10 ac02  2a 0a [0a 08 (0a 01 'a' 15 0000803e)]`.replace(/[[\]()]/g, '')),
  );
});

test('a session start carries the step to purge from', (t) => {
  t.is(hex(encodeEvent(1.5, 6, { sessionLog: 'start' })), bytes(`09 000000000000f83f  10 06  3a 02 08 01`));
});

test('an image, a text and a plugin value, byte by byte', (t) => {
  t.is(
    hex(imageValue('i', Uint8Array.of(1, 2, 3), 3, 2)),
    bytes(`0a 01 'i'  22 0b  08 02  10 03  18 03  22 03 010203`),
  );
  t.is(
    hex(textValue('t', 'hi')),
    bytes(`0a 01 't'  4a 0a 0a 06 0a 04 'text' 20 02  42 0c 08 07 12 04 12 02 08 01 42 02 'hi'`),
  );
  t.is(
    hex(pluginValue('p', 'x', Uint8Array.of(9))),
    bytes(`0a 01 'p'  4a 0a 0a 06 0a 01 'x' 12 01 09 20 02  42 08 08 01 12 04 12 02 08 00`),
  );
});

test('scalars that are not finite, or beyond float32, are stored as such', (t) => {
  t.is(field(scalarValue('a', Number.NaN), 2), Number.NaN);
  t.is(field(scalarValue('a', Number.NEGATIVE_INFINITY), 2), Number.NEGATIVE_INFINITY);
  t.is(field(scalarValue('a', 1e300), 2), Number.POSITIVE_INFINITY);
});

test('a histogram counts each value below its limit, with limits 10 % apart', (t) => {
  const histogram = summarizeHistogram([0, 0, 1, -1, 2.5]);
  t.deepEqual(
    [histogram.min, histogram.max, histogram.num, histogram.sum, histogram.sumSquares],
    [-1, 2.5, 5, 2.5, 8.25],
  );
  const { bucket, bucketLimit } = histogram;
  // empty, -1, empty, the two zeros, empty, 1, empty, 2.5, empty
  t.deepEqual(bucket, [0, 1, 0, 2, 0, 1, 0, 1, 0]);
  t.deepEqual([bucketLimit[2], bucketLimit[3], bucketLimit[8]], [0, 1e-12, Number.MAX_VALUE]);
  const [below, above] = [bucketLimit[4]!, bucketLimit[5]!];
  t.true(below <= 1 && 1 < above);
  t.true(Math.abs(above / below - 1.1) < 1e-12);
  t.true(Math.abs(above - 1e-12 * 1.1 ** 290) < 1e-9); // 1.1^290 is the first power above 1e12
  t.true(bucketLimit[0]! <= -1 && -1 < bucketLimit[1]!);
});

test('a histogram of a constant, of nothing, and of values that are not finite', (t) => {
  const constant = summarizeHistogram(new Float32Array(7).fill(0.25));
  t.deepEqual([constant.min, constant.max, constant.num, constant.bucket], [0.25, 0.25, 7, [0, 7, 0]]);

  const nothing = {
    min: 0,
    max: 0,
    num: 0,
    sum: 0,
    sumSquares: 0,
    bucketLimit: [Number.MAX_VALUE],
    bucket: [0],
  };
  t.deepEqual(summarizeHistogram([]), nothing);
  t.deepEqual(summarizeHistogram([Number.NaN, Number.POSITIVE_INFINITY]), nothing);

  const mixed = summarizeHistogram([Number.NaN, 3, Number.NEGATIVE_INFINITY]);
  t.deepEqual([mixed.min, mixed.max, mixed.num, mixed.sum, mixed.bucket], [3, 3, 1, 3, [0, 1, 0]]);
});

test('a histogram holds the largest and the smallest numbers', (t) => {
  const { bucket, num } = summarizeHistogram([Number.MAX_VALUE, -Number.MAX_VALUE, 5e-324, -5e-324]);
  t.is(num, 4);
  t.is(
    bucket.reduce((sum, count) => sum + count, 0),
    4,
  );
});

test('a bucket holds its lower limit and not its upper one, over the whole range', (t) => {
  const limitOf = (value: number) => {
    const { bucket, bucketLimit } = summarizeHistogram([value]);
    return [bucketLimit[bucket.indexOf(1) - 1], bucketLimit[bucket.indexOf(1)]];
  };
  t.deepEqual(limitOf(1e-12), [1e-12, 1e-12 * 1.1]);
  t.deepEqual(limitOf(-1e-12), [-1e-12, 0]);
  t.deepEqual(limitOf(-1e-12 * 1.1), [-1e-12 * 1.1, -1e-12]);
  for (let edge = 1e-12; edge < 1e20; edge *= 1.1) {
    for (const value of [edge, -edge, edge * 1.05, -edge * 1.05]) {
      const [lower, upper] = limitOf(value);
      if (!(lower! <= value && value < upper!)) t.fail(`${value} is counted in ${lower} .. ${upper}`);
    }
  }
});

test('a histogram is written as packed doubles', (t) => {
  const value = histogramValue('h', {
    min: -1,
    max: 2,
    num: 3,
    sum: 4,
    sumSquares: 5,
    bucketLimit: [0, 2],
    bucket: [1, 2],
  });
  const histo = fields(field(value, 5) as Buffer);
  t.deepEqual(
    histo.slice(0, 5).map((entry) => [entry.field, entry.value]),
    [
      [1, -1],
      [2, 2],
      [3, 3],
      [4, 4],
      [5, 5],
    ],
  );
  t.is(hex(histo[5]!.value as Buffer), bytes('0000000000000000 0000000000000040'));
  t.is(hex(histo[6]!.value as Buffer), bytes('000000000000f03f 0000000000000040'));
});

test('hyperparameters: columns with their types, this run with its values, its end', (t) => {
  const hparams = { rate: 0.5, method: 'gain', guided: true };
  const content = [9, 1, 2]; // metadata, plugin data, content
  const experiment = experimentValue(hparams, ['eval/accuracy'], 10);
  t.is(String(field(experiment, 1)), '_hparams_/experiment');
  t.is(
    hex(field(experiment, ...content, 2) as Buffer),
    bytes(
      `19 0000000000002440  22 08 0a 04 'rate' 20 03  22 0a 0a 06 'method' 20 01  22 0a 0a 06 'guided' 20 02
       2a 11 0a 0f 12 0d 'eval/accuracy'`,
    ),
  );
  const start = sessionStartValue(hparams, 10);
  t.is(String(field(start, 1)), '_hparams_/session_start_info');
  t.is(
    hex(field(start, ...content, 3) as Buffer),
    bytes(
      `0a 11 0a 04 'rate' 12 09 11 000000000000e03f  0a 10 0a 06 'method' 12 06 1a 04 'gain'
       0a 0c 0a 06 'guided' 12 02 20 01  29 0000000000002440`,
    ),
  );
  const end = sessionEndValue('failure', 10);
  t.is(String(field(end, 1)), '_hparams_/session_end_info');
  t.is(hex(field(end, ...content, 4) as Buffer), bytes('08 02  11 0000000000002440'));
});
