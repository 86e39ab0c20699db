import test from 'ava';
import { type SweepTable, sweepMarkdown } from '../../src/sweep/index.ts';
import { meanAndDeviation, tInterval, tQuantile } from '../../src/sweep/t-interval.ts';

const near = (t: { true: (value: boolean, message?: string) => void }, found: number, expected: number) =>
  t.true(
    Math.abs(found - expected) < 1e-6 * Math.max(1, Math.abs(expected)),
    `${found}, expected ${expected}`,
  );

test("Student's t: quantiles are those of scipy.stats.t.ppf", (t) => {
  for (const [p, degrees, expected] of [
    [0.975, 1, 12.706204736],
    [0.975, 2, 4.30265273],
    [0.975, 3, 3.182446305],
    [0.975, 4, 2.776445105],
    [0.975, 9, 2.262157163],
    [0.995, 5, 4.032142984],
    [0.9, 30, 1.310415025],
  ] as const) {
    near(t, tQuantile(p, degrees), expected);
  }
});

test('the interval of three differences, by hand', (t) => {
  // 1, 2, 6: mean 3, squares 4 + 1 + 9 = 14, std sqrt(7), half width 4.30265273 sqrt(7 / 3).
  const { mean, low, high, count } = tInterval([1, 2, 6]);
  t.is(mean, 3);
  t.is(count, 3);
  near(t, high - mean, 4.30265273 * Math.sqrt(7 / 3));
  near(t, mean - low, high - mean);
});

test('of one value there is a mean and no spread, of none not even that', (t) => {
  t.deepEqual(meanAndDeviation([2]), { mean: 2, std: Number.NaN });
  t.deepEqual(tInterval([2]), { mean: 2, low: Number.NaN, high: Number.NaN, count: 1 });
  t.true(Number.isNaN(tInterval([]).mean));
});

const run = (seed: number, status: 'finished' | 'diverged' | 'missing' = 'finished') => ({
  seed,
  directory: `out/${seed}`,
  status,
  values: {},
});

const table: SweepTable = {
  name: 'boats',
  seeds: [1, 2],
  confidence: 0.95,
  metrics: [
    { key: 'test.accuracy', title: 'accuracy', percent: true },
    { key: 'test.loss', title: 'loss', percent: false },
  ],
  parts: [
    {
      name: 'few',
      rows: [
        {
          name: 'plain',
          runs: [run(1), run(2)],
          scores: {
            'test.accuracy': { mean: 0.71, std: 0.0123, count: 2 },
            'test.loss': { mean: 1.23456, std: 0.1, count: 2 },
          },
        },
        {
          name: 'a|b',
          runs: [run(1), { ...run(2), status: 'failed', reason: 'training was killed: no memory' }],
          scores: {
            'test.accuracy': { mean: 0.8, std: Number.NaN, count: 1 },
            'test.loss': { mean: Number.NaN, std: Number.NaN, count: 0 },
          },
        },
        {
          name: 'wild',
          runs: [run(1, 'diverged'), run(2, 'missing')],
          scores: {
            'test.accuracy': { mean: Number.NaN, std: Number.NaN, count: 0 },
            'test.loss': { mean: Number.NaN, std: Number.NaN, count: 0 },
          },
        },
      ],
      differences: [
        {
          of: 'a|b',
          against: 'plain',
          scores: {
            'test.accuracy': { mean: 0.09, low: 0.02, high: 0.16, count: 2 },
            'test.loss': { mean: -0.5, low: -1.5, high: 0.5, count: 2 },
          },
        },
      ],
    },
  ],
};

test('as Markdown: a table of means, a table of differences, and what went wrong', (t) => {
  const markdown = sweepMarkdown(table);
  t.regex(markdown, /^\| plain \| +2 \| 71\.0 ± 1\.2 \| 1\.235 ± 0\.1 \|$/m);
  t.regex(markdown, /^\| a\\\|b +\| +1, 1 failed \| +80\.0 \| +– \|$/m);
  t.regex(markdown, /^\| wild +\| 0, 1 diverged, 1 missing \| +– \| +– \|$/m);
  t.regex(markdown, /^\| a\\\|b − plain \| \+9\.0 \[2\.0, 16\.0\] \* \| −0\.5 \[−1\.5, 0\.5\] \|$/m);
  t.regex(
    markdown,
    /^- few, a\|b, seed 2: training was killed: no memory\n- few, wild, seed 1: diverged\n- few, wild, seed 2: not done$/m,
  );
});

test('a last row says what a constant answer scores, where a metric has it', (t) => {
  const parts = table.parts.map((part) => ({ ...part, constant: { 'test.accuracy': 0.5 } }));
  t.regex(sweepMarkdown({ ...table, parts }), /^\| \(constant answer\) \| +\| +50\.0 \| +– \|$/m);
  t.notRegex(sweepMarkdown(table), /constant answer/);
});

test('in a narrow window, as lists', (t) => {
  const lines = sweepMarkdown(table, 40).split('\n');
  t.true(lines.includes('- plain'));
  t.true(lines.includes('  - accuracy: 71.0 ± 1.2'));
  t.false(lines.some((line) => line.startsWith('|')));
});
