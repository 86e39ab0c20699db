import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { help, parsePlan } from '../../bench/command-line.ts';
import type { Measurement } from '../../bench/measure.ts';
import { median, spread } from '../../bench/statistics.ts';
import { agree, table } from '../../bench/table.ts';
import { workloads } from '../../bench/workloads/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { moduleCommand } from '../program-command.ts';

const [file, ...program] = moduleCommand(new URL('../../bench/bench', import.meta.url));
const python = process.env.BENCH_PYTHON;

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `BENCH_PYTHON` is what `pythonPath` says, or not set. */
function bench(args: readonly string[], pythonPath?: string): Promise<Ended> {
  const { BENCH_PYTHON: _, ...env } = process.env;
  const options = { env: { ...env, ...(pythonPath && { BENCH_PYTHON: pythonPath }) } };
  return new Promise((resolve) => {
    execFile(file, [...program, ...args], options, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), stdout, stderr });
    });
  });
}

for (const [title, args, message] of [
  [
    'a workload that does not exist',
    ['--only', 'gain-stp'],
    /no workload "gain-stp"; did you mean gain-step\?/,
  ],
  ['no repetitions', ['--repetitions', '0'], /--repetitions: expected a whole number above 0, received 0/],
  ['half a thread', ['--threads', '1.5'], /--threads: expected a whole number above 0, received 1.5/],
  ['an unknown peer', ['--peers', 'pytorch,jax'], /--peers: expected some of pytorch, .* received "jax"/],
  ['an unknown option', ['--fast'], /Unknown argument: fast/],
] as const) {
  test(`wrong call: ${title}`, async (t) => {
    await t.throwsAsync(parsePlan(args), { instanceOf: UsageError, message });
  });
}

test('everything but the smoke test is measured by default; peers may be none', async (t) => {
  const plan = await parsePlan([]);
  t.deepEqual(
    plan.workloads.map(({ name }) => name),
    workloads.map(({ name }) => name).filter((name) => name !== 'smoke'),
  );
  t.is(plan.repetitions, 10);
  const { peers, workloads: two } = await parsePlan(['--peers', 'none', '--only', 'data', '--only', 'smoke']);
  t.deepEqual(peers, []);
  t.deepEqual(
    two.map(({ name }) => name),
    ['data', 'smoke'],
  );
});

test('--help names every workload and says what it is', async (t) => {
  const text = (await help()).replaceAll(/\s+/g, ' ');
  for (const { name, about } of workloads) t.true(text.includes(`${name} ${about}`), name);
});

test('docs/benchmarks.md names every workload', async (t) => {
  const text = await readFile(new URL('../../docs/benchmarks.md', import.meta.url), 'utf8');
  t.deepEqual(
    workloads.map(({ name }) => name).filter((name) => !text.includes(`| \`${name}\` |`)),
    [],
  );
});

test('a file that cannot be written ends the program before anything is measured', async (t) => {
  const { code, stdout, stderr } = await bench(['--json', '/no/such/folder/a.json']);
  t.is(code, 2);
  t.is(stdout, '');
  t.regex(stderr, /^UsageError: --json: \/no\/such\/folder\/a\.json cannot be written: ENOENT/);
});

test('a run without PyTorch: says so, measures against itself alone, and writes the list', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'bench-test-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const file = join(folder, 'bench.json');
  const args = [
    '--only',
    'smoke',
    '--repetitions',
    '3',
    '--threads',
    '1',
    '--peers',
    'pytorch',
    '--json',
    file,
  ];
  const { code, stdout, stderr } = await bench(args);
  t.is(code, 0, stderr);
  t.regex(stderr, /smoke: without pytorch: set BENCH_PYTHON/);
  t.regex(stdout, /^workload +engine +peer[^\n]*\nsmoke +onnx +–/);
  const rows = JSON.parse(await readFile(file, 'utf8')) as Measurement[];
  t.is(rows.length, 1);
  const [row] = rows;
  t.like(row, { workload: 'smoke', engine: 'onnx', peer: null, peerMs: null, ratio: null, repetitions: 3 });
  t.is(row!.threads, 1);
  const [fastest, slowest] = row!.spread.ours as [number, number];
  t.true(fastest > 0 && fastest <= row!.oursMs && row!.oursMs <= slowest);
  t.true(row!.peakMemory.ours > 20, 'MiB that a process holds at least');
  // Cross-entropy of ten classes and a probability: what an untrained network loses.
  t.true(row!.firstValue.ours > 1 && row!.firstValue.ours < 5, String(row!.firstValue.ours));
});

const withTorch = python ? test : test.skip;
withTorch(
  'the GAIN step of PyTorch has the same loss, with the same weights [needs BENCH_PYTHON]',
  async (t) => {
    t.timeout(240_000);
    const folder = await mkdtemp(join(tmpdir(), 'bench-test-'));
    t.teardown(() => rm(folder, { recursive: true }));
    const file = join(folder, 'bench.json');
    const args = [
      '--only',
      'smoke',
      '--only',
      'gain-step',
      '--repetitions',
      '1',
      '--peers',
      'pytorch',
      '--json',
      file,
    ];
    const { code, stderr } = await bench(args, python);
    t.is(code, 0, stderr);
    const rows = JSON.parse(await readFile(file, 'utf8')) as Measurement[];
    t.deepEqual(
      rows.map(({ workload, peer }) => [workload, peer]),
      [
        ['smoke', 'pytorch'],
        ['gain-step', 'pytorch'],
      ],
    );
    for (const { firstValue, oursMs, peerMs, ratio } of rows) {
      t.true(Math.abs(firstValue.ours - firstValue.peer!) < 1e-4, JSON.stringify(firstValue));
      t.is(ratio, oursMs / peerMs!);
    }
  },
);

test('the median of an even number of values lies between the two in the middle', (t) => {
  t.is(median([9, 1, 5]), 5);
  t.is(median([4, 1, 9, 2]), 3);
  t.deepEqual(spread([4, 1, 9, 2]), [1, 9]);
});

test('the table tells when the two sides did not do the same work', (t) => {
  const row: Measurement = {
    workload: 'w',
    engine: 'onnx',
    peer: 'pytorch',
    oursMs: 50,
    peerMs: 100,
    ratio: 0.5,
    repetitions: 3,
    threads: 2,
    spread: { ours: [40, 60], peer: [90, 110] },
    processorTime: { oursMs: 80, peerMs: 200, ratio: 0.4 },
    imagesPerSecond: 640,
    peakMemory: { ours: 300, peer: 200 },
    firstValue: { ours: 2.5, peer: 2.5001 },
    versions: { engine: 'a', peer: 'b' },
  };
  t.true(agree(row));
  t.regex(table([row]), /\nw +onnx +pytorch +50\.0 +100 +0\.50 +0\.40 +640 +300 \/ 200\n$/);
  const other = { ...row, firstValue: { ours: 2.5, peer: 2.6 } };
  t.false(agree(other));
  t.regex(table([other]), /\nw: the first values differ, onnx 2\.5, pytorch 2\.6\n$/);
});
