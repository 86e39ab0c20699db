import test from 'ava';
import { calibration } from '../../src/metrics/index.ts';

test('ECE by hand: one forecast per image, its highest probability', (t) => {
  // Confidences .9 (right), .85 (wrong), .6 (right), .55 (right); as float32, .6 lies above the edge of its bin.
  const probabilities = Float32Array.of(0.9, 0.1, 0.15, 0.85, 0.6, 0.4, 0.45, 0.55);
  const labels = Float32Array.of(1, 0, 1, 0, 1, 0, 0, 1);
  const { expectedError, bins } = calibration(probabilities, labels, 2, false, 5);
  t.deepEqual(
    bins.map(({ count }) => count),
    [0, 0, 1, 1, 2],
  );
  t.is(bins[0]!.confidence, null);
  t.is(bins[4]!.accuracy, 0.5);
  t.true(Math.abs(bins[4]!.confidence! - 0.875) < 1e-6);
  // |1 - .55| / 4 + |1 - .6| / 4 + |.5 - .875| 2 / 4
  t.true(Math.abs(expectedError - (0.45 / 4 + 0.4 / 4 + 0.375 / 2)) < 1e-6, String(expectedError));
});

test('ECE by hand: several labels, a forecast per image and class', (t) => {
  const probabilities = Float32Array.of(0.125, 0.75, 0.25, 0.875);
  const labels = Float32Array.of(0, 1, 1, 1);
  const { expectedError, bins } = calibration(probabilities, labels, 2, true, 2);
  // (0, .5]: mean .1875, half of them came true. (.5, 1]: mean .8125, all of them.
  t.deepEqual(bins, [
    { count: 2, confidence: 0.1875, accuracy: 0.5 },
    { count: 2, confidence: 0.8125, accuracy: 1 },
  ]);
  t.is(expectedError, (0.3125 + 0.1875) / 2);
});

test('edges belong to the bin below; sure forecasts that come true have no error', (t) => {
  const { bins, expectedError } = calibration(
    Float32Array.of(0, 0.5, 1),
    Float32Array.of(0, 0, 1),
    3,
    true,
    2,
  );
  t.deepEqual(
    bins.map(({ count }) => count),
    [2, 1],
  );
  t.true(Math.abs(expectedError - 0.5 / 3) < 1e-12);
  t.is(calibration(Float32Array.of(1, 0, 0, 1), Float32Array.of(1, 0, 0, 1), 2, false).expectedError, 0);
  t.is(calibration(Float32Array.of(1, 0), Float32Array.of(1, 0), 2, false).bins.length, 15);
  t.is(calibration(new Float32Array(0), new Float32Array(0), 2, false).expectedError, Number.NaN);
});
