import test from 'ava';
import { UsageError } from '../../src/errors/index.ts';
import {
  completenessError,
  effectiveComplexity,
  mapComplexity,
  sensitivity,
  sparseness,
} from '../../src/metrics/index.ts';

const near = (a: number, b: number) => Math.abs(a - b) < 1e-12;

test('sparseness is the Gini coefficient of the magnitudes', (t) => {
  t.is(sparseness([3, 3, 3, 3]), 0);
  // One of n: (2 n − n − 1) / n.
  t.is(sparseness([0, 0, 0, -7]), 3 / 4);
  // 1, 2, 3, 4: (−3·1 − 1·2 + 1·3 + 3·4) / (4·10).
  t.true(near(sparseness([4, -1, 3, -2]), 10 / 40));
  t.is(sparseness([0, 0]), Number.NaN);
});

test('complexity is the entropy of the shares; effective complexity counts', (t) => {
  t.true(near(mapComplexity([2, -2, 2, 2]), Math.log(4)));
  t.is(mapComplexity([0, 5, 0]), 0);
  t.true(near(mapComplexity([1, -3]), -(0.25 * Math.log(0.25) + 0.75 * Math.log(0.75))));
  t.is(mapComplexity([0, 0]), Number.NaN);
  t.is(effectiveComplexity([0.5, -0.2, 1e-6, 0]), 2);
  t.is(effectiveComplexity([0.5, -0.2, 1e-6, 0], 0.3), 1);
});

test('completeness is how much of the difference of the scores is missing', (t) => {
  t.is(completenessError([0.5, -0.25, 1], 2, 0.75), 0);
  t.is(completenessError([1, 1], 3, 0), -1);
});

test('sensitivity: a linear explanation moves as the noise does, a constant one not at all', async (t) => {
  const image = Float32Array.of(0.6, 0.8);
  const still = await sensitivity(image, () => [1, 2, 3], { samples: 3 });
  t.deepEqual(still, { max: 0, average: 0 });
  const seen: Float32Array[] = [];
  const own = await sensitivity(
    image,
    (x) => {
      seen.push(x);
      return x.map((value) => 2 * value);
    },
    { radius: 0.1, samples: 5, seed: 4 },
  );
  t.is(seen.length, 6);
  // ‖x‖ = 1, Φ = 2 x: 2 ‖δ‖, with every |δ_i| below the radius.
  const moved = seen.slice(1).map((x) => 2 * Math.hypot(x[0]! - image[0]!, x[1]! - image[1]!));
  t.true(Math.abs(own.max - Math.max(...moved)) < 1e-6);
  t.true(Math.abs(own.average - moved.reduce((a, b) => a + b) / 5) < 1e-6);
  t.true(seen.slice(1).every((x) => x.every((value, i) => Math.abs(value - image[i]!) <= 0.1 + 1e-6)));
  const again = await sensitivity(image, (x) => x.map((value) => 2 * value), {
    radius: 0.1,
    samples: 5,
    seed: 4,
  });
  t.is(again.max, own.max);
  await t.throwsAsync(
    sensitivity(image, () => [], { radius: 0 }),
    { instanceOf: UsageError, message: /^radius, samples: expected/ },
  );
});
