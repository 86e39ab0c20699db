import test from 'ava';
import {
  averagePrecision,
  classificationMetrics,
  energyInMask,
  pointingHit,
} from '../../src/metrics/index.ts';

test('average precision is the mean precision at the positives', (t) => {
  // Ranks of the positives: 1 and 3, so (1/1 + 2/3) / 2.
  t.is(averagePrecision([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]), (1 + 2 / 3) / 2);
  t.is(averagePrecision([1, 2, 3], [0, 0, 1]), 1);
});

test('equal scores share one point of the curve, whatever their order', (t) => {
  t.is(averagePrecision([0.5, 0.5, 0.5, 0.5], [1, 0, 0, 0]), 0.25);
  t.is(averagePrecision([0.5, 0.5, 0.5, 0.5], [0, 0, 0, 1]), 0.25);
});

test('scores that are not numbers do not hang the metric', (t) => {
  t.is(averagePrecision([Number.NaN, Number.NaN], [1, 0]), 1);
});

test('a class without a positive has no average precision and leaves the mean alone', (t) => {
  t.is(averagePrecision([1, 2], [0, 0]), Number.NaN);
  const logits = Float32Array.of(1, -1, -2, -3);
  const labels = Float32Array.of(1, 0, 0, 0);
  t.is(classificationMetrics(logits, labels, 2, true).mAP, 1);
});

test('multi-label: accuracy counts decisions, exact match counts images', (t) => {
  const logits = Float32Array.of(2, -1, 1, /**/ -1, 3, 1, /**/ 0.5, 0.5, -0.5);
  const labels = Float32Array.of(1, 0, 1, /**/ 0, 1, 0, /**/ 1, 1, 0);
  const metrics = classificationMetrics(logits, labels, 3, true);
  t.is(metrics.accuracy, 8 / 9);
  t.is(metrics.exactMatch, 2 / 3);
  t.deepEqual(metrics.perClass.accuracy, [1, 1, 2 / 3]);
});

test('single-label: accuracy is top-1', (t) => {
  const logits = Float32Array.of(2, 1, /**/ -3, -2, /**/ 5, 6);
  const labels = Float32Array.of(1, 0, /**/ 1, 0, /**/ 0, 1);
  t.is(classificationMetrics(logits, labels, 2, false).accuracy, 2 / 3);
});

test('energy in the mask ignores negative values, and a dead map has none', (t) => {
  t.is(energyInMask([3, -5, 1, 0], [1, 1, 0, 0]), 0.75);
  t.is(energyInMask([0, 0], [1, 1]), 0);
});

test('the pointing game looks at the largest value only', (t) => {
  t.true(pointingHit([0.1, 0.9, 0.3], [0, 1, 0]));
  t.false(pointingHit([0.1, 0.9, 0.3], [1, 0, 1]));
  t.false(pointingHit([0, 0, 0], [1, 1, 1]));
});
