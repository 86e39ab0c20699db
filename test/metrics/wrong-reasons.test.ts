import { readFileSync } from 'node:fs';
import test from 'ava';
import { type MaskActivation, maskActivation, wrongReasons } from '../../src/metrics/index.ts';
import { numbers } from '../gain/reference-net.ts';

const { wrongReasons: reference }: { wrongReasons: { threshold: number; shares: number[] } } = JSON.parse(
  readFileSync(new URL('../fixtures/right-reasons.json', import.meta.url), 'utf8'),
);

test('by hand: normalised, its mean, and what of it lies in the mask', (t) => {
  const activation = maskActivation([-7, 1, 2, 5], [0, 1, 1, 0])!;
  // Cut off at 0, then divided by 5.
  t.is(activation.mean, (0 + 1 + 2 + 5) / 5 / 4);
  t.deepEqual([...activation.inMask], [Math.fround(0.2), Math.fround(0.4)]);
  // The floor of an attribution that is nowhere 0 is taken away.
  t.deepEqual([...maskActivation([3, 4, 5], [1, 1, 0])!.inMask], [0, 0.5]);
});

test('by hand: one threshold for all images, their mean of means', (t) => {
  const activations: MaskActivation[] = [
    { mean: 0.2, inMask: Float32Array.of(0.1, 0.5, 0.9, 1) },
    { mean: 0.6, inMask: Float32Array.of(0.3, 0.5) },
  ];
  const { threshold, shares } = wrongReasons(activations);
  t.is(threshold, 0.4);
  t.deepEqual(shares, [0.75, 0.5]);
});

test('equals the two passes of the XIL benchmark; a dead attribution is left out', (t) => {
  const [attributions, drawn] = [numbers(71, 6 * 35), numbers(72, 6 * 35)];
  const activations = Array.from({ length: 6 }, (_, i) => {
    const of = (values: number[]) => values.slice(i * 35, (i + 1) * 35);
    const attribution = of(attributions).map((value) => (i === 3 ? -Math.abs(value) : value));
    return maskActivation(
      attribution,
      of(drawn).map((value) => Number(value > 0.2)),
    );
  }).filter((activation) => activation !== undefined);
  t.is(activations.length, 5);
  const { threshold, shares } = wrongReasons(activations);
  t.true(Math.abs(threshold - reference.threshold) < 1e-6);
  t.is(shares.length, reference.shares.length);
  shares.forEach((share, i) => {
    t.true(Math.abs(share - reference.shares[i]!) < 1e-6, `image ${i}: ${share}`);
  });
});

test('nothing to measure: a constant attribution, an empty mask, no image', (t) => {
  t.is(maskActivation([2, 2, 2], [1, 0, 0]), undefined);
  t.is(maskActivation([-1, -2, -3], [1, 0, 0]), undefined);
  t.is(maskActivation([1, 2, 3], [0, 0, 0]), undefined);
  t.true(Number.isNaN(wrongReasons([]).threshold));
  t.deepEqual(wrongReasons([]).shares, []);
});
