import test from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import { reidentification } from '../../src/metrics/index.ts';

/** Vectors of length 1 by their angles in degrees. */
const at = (...angles: number[]) =>
  Float32Array.from(
    angles.flatMap((angle) => [Math.cos((angle * Math.PI) / 180), Math.sin((angle * Math.PI) / 180)]),
  );

test('mean average precision and CMC, by hand', (t) => {
  // Query 0 of person 1: gallery by distance 2, 1, 2, 1: hits at ranks 2 and 4.
  const gallery = { features: at(5, 10, 15, 20), identities: [2, 1, 2, 1] };
  const found = reidentification({ features: at(0), identities: [1] }, gallery, 3);
  t.true(Math.abs(found.mAP - (1 / 2 + 2 / 4) / 2) < 1e-12);
  t.deepEqual(found.cmc, [0, 1, 1]);
  // Person 2 from the same place: hits at 1 and 3. Person 3 is not there and does not count.
  const both = reidentification({ features: at(0, 0, 0), identities: [1, 2, 3] }, gallery, 2);
  t.is(both.queries, 2);
  t.true(Math.abs(both.mAP - (0.5 + (1 + 2 / 3) / 2) / 2) < 1e-12);
  t.deepEqual(both.cmc, [0.5, 1]);
});

test('the own camera is not searched, lengths do not matter, equal distances keep the order', (t) => {
  const query = { features: at(0), identities: [1], cameras: [0] };
  const gallery = { features: at(0, 30, 10), identities: [1, 1, 2], cameras: [0, 1, 0] };
  const found = reidentification(query, gallery);
  t.deepEqual([found.mAP, found.cmc[0], found.cmc[1]], [0.5, 0, 1]);
  const long = { ...gallery, features: gallery.features.map((value) => 7 * value) };
  t.is(reidentification(query, long).mAP, 0.5);
  const even = { features: at(10, 10), identities: [2, 1] };
  t.is(reidentification({ features: at(0), identities: [1] }, even).cmc[0], 0);
});

test('what does not fit is named', (t) => {
  const one = { features: at(0), identities: [1] };
  t.throws(() => reidentification(one, { features: at(0), identities: [2] }), {
    instanceOf: UsageError,
    message: 'no query has an image of its identity in the gallery',
  });
  t.throws(() => reidentification(one, { features: at(0), identities: [1, 2, 3] }), {
    instanceOf: UsageError,
  });
});
