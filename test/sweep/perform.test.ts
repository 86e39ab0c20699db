import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { ConfigError } from '../../src/errors/index.ts';
import { type Outcome, performSweep, runState, type Sweep, sweepTable } from '../../src/sweep/index.ts';
import { type Course, PretendedTraining, sweepFolders } from './sweep-folder.ts';

const folder = sweepFolders(test);

const file = `base: tiny.yaml
seeds: [1, 2]
settings:
  - name: plain
    set: { gain.losses.mining.weight: 0 }
  - name: GAIN
baseline: plain
`;

const accuracy = (setting: string, seed: number): Course => ({
  accuracy: (setting === 'GAIN' ? 0.8 : 0.7) + seed / 100,
});

const perform = (sweep: Sweep, launcher: PretendedTraining, jobs = 1) =>
  performSweep(sweep, { launcher, jobs, threads: 1, pollEvery: 5 });

const statuses = (outcomes: readonly Outcome[]) => outcomes.map(({ status }) => status);

test('a finished sweep is known by its directories; a directory that was deleted is run again', async (t) => {
  const { load, path } = await folder();
  const sweep = await load(file);
  const first = new PretendedTraining(accuracy);
  const outcomes = await perform(sweep, first);
  t.deepEqual(first.calls, ['plain 1', 'GAIN 1', 'plain 2', 'GAIN 2']);
  const table = await sweepTable(sweep, outcomes);

  const again = new PretendedTraining(accuracy);
  t.deepEqual(statuses(await perform(sweep, again)), Array(4).fill('finished'));
  t.deepEqual(again.calls, []);

  await rm(path('out/runs/GAIN/seed-1'), { recursive: true });
  t.deepEqual(await sweepTable(sweep, await perform(sweep, again)), table);
  t.deepEqual(again.calls, ['GAIN 1']);
});

test('a sweep that stopped dead half-way goes on, and ends with the same table', async (t) => {
  const whole = await (await folder()).load(file);
  const expected = await sweepTable(whole, await perform(whole, new PretendedTraining(accuracy)));

  const sweep = await (await folder()).load(file);
  const killed = new PretendedTraining((setting, seed) =>
    setting === 'GAIN' && seed === 1 ? 'killed' : accuracy(setting, seed),
  );
  await t.throwsAsync(perform(sweep, killed), { message: 'killed' });
  t.deepEqual(await Promise.all(sweep.runs.map(runState)), ['finished', 'unfinished', 'absent', 'absent']);
  const after = new PretendedTraining(accuracy);
  const { parts, ...table } = await sweepTable(sweep, await perform(sweep, after));
  t.deepEqual(after.calls, ['GAIN 1 resumed', 'plain 2', 'GAIN 2']);
  const { parts: expectedParts, ...expectedTable } = expected;
  t.deepEqual(table, expectedTable);
  t.deepEqual(
    parts.map(({ rows, differences }) => [rows.map(({ name, scores }) => [name, scores]), differences]),
    expectedParts.map(({ rows, differences }) => [
      rows.map(({ name, scores }) => [name, scores]),
      differences,
    ]),
  );
});

test('what fails or diverges keeps nothing else from running; the failed is tried again, the diverged is not', async (t) => {
  const { load } = await folder();
  const sweep = await load(file);
  const troubled = new PretendedTraining((setting, seed) => {
    if (setting === 'plain' && seed === 1) return { code: 3, says: 'DataError: train-0, record 7: torn' };
    if (setting === 'GAIN' && seed === 1) return { code: 4, says: 'DivergenceError: step 3: total is NaN' };
    return accuracy(setting, seed);
  });
  t.deepEqual(await perform(sweep, troubled), [
    {
      status: 'failed',
      code: 3,
      reason: 'training ended with exit code 3: DataError: train-0, record 7: torn',
      trained: false,
    },
    { status: 'diverged' },
    { status: 'finished' },
    { status: 'finished' },
  ]);
  const again = new PretendedTraining(accuracy);
  t.deepEqual(statuses(await perform(sweep, again)), ['finished', 'diverged', 'finished', 'finished']);
  t.deepEqual(again.calls, ['plain 1 resumed']);
});

test('as many at a time as asked for', async (t) => {
  for (const jobs of [1, 3]) {
    const sweep = await (await folder()).load(file);
    const launcher = new PretendedTraining(accuracy);
    await perform(sweep, launcher, jobs);
    t.is(launcher.most, jobs);
    t.is(launcher.calls.length, 4);
  }
});

test('a run that another process is at is waited for, not started', async (t) => {
  const { load, path } = await folder();
  const sweep = await load(file);
  await perform(sweep, new PretendedTraining(accuracy));
  const run = path('out/runs/plain/seed-2');
  const log = await readFile(join(run, 'log.ndjson'), 'utf8');
  // Left over by a launcher that was killed: it holds the lock, and is not finished.
  const stat = await readFile(`/proc/${process.pid}/stat`, 'utf8').catch(() => undefined);
  const started = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  await writeFile(join(run, '.lock'), JSON.stringify({ host: hostname(), pid: process.pid, started }));
  await writeFile(join(run, 'log.ndjson'), '{"event":"start"}\n');
  const launcher = new PretendedTraining(accuracy);
  const ending = perform(sweep, launcher);
  await new Promise((resolve) => setTimeout(resolve, 60));
  t.deepEqual(launcher.calls, []);
  await writeFile(join(run, 'log.ndjson'), log);
  await rm(join(run, '.lock'));
  t.deepEqual(statuses(await ending), Array(4).fill('finished'));
  t.deepEqual(launcher.calls, []);
});

test('an interruption is passed on, and nothing more is started', async (t) => {
  const sweep = await (await folder()).load(file);
  const interrupt = new AbortController();
  const launcher = new PretendedTraining((setting, seed) => {
    interrupt.abort();
    return seed === 1 ? { code: 130, says: 'InterruptedError: checkpoint written' } : accuracy(setting, seed);
  });
  const outcomes = await performSweep(sweep, { launcher, jobs: 1, threads: 1, signal: interrupt.signal });
  t.deepEqual(statuses(outcomes), Array(4).fill('missing'));
  t.is(launcher.interrupted, 1);
  t.deepEqual(launcher.calls, ['plain 1']);
});

test('more epochs make a finished run unfinished, another experiment in its directory is refused', async (t) => {
  const { load } = await folder();
  await perform(await load(file), new PretendedTraining(accuracy));
  const longer = await load(file.replace('mining.weight: 0', 'mining.weight: 0, training.epochs: 3'));
  t.deepEqual(await Promise.all(longer.runs.map(runState)), [
    'unfinished',
    'finished',
    'unfinished',
    'finished',
  ]);
  const other = await load(file.replace('mining.weight: 0', 'mining.weight: 5'));
  const error = await t.throwsAsync(runState(other.runs[0]!), { instanceOf: ConfigError });
  t.regex(
    error!.message,
    /^gain\.losses\.mining\.weight: 5, but the run was begun with 0 \(.*seed-1\/config\.yaml\)/,
  );
});

test('commands of a run: once, again after a new training or when they change, and their numbers are metrics', async (t) => {
  const { load, path } = await folder();
  const wrong = (word: string) =>
    `${file}metrics: [wrong.share, test.loss]\ncommands: [{ name: wrong, run: '${word} {run} {seed}' }]\n`;
  const launcher = new PretendedTraining(accuracy);
  const sweep = await load(wrong('count'));
  const table = await sweepTable(sweep, await perform(sweep, launcher, 1));
  t.deepEqual(launcher.calls.slice(0, 2), ['plain 1', `count ${path('out/runs/plain/seed-1')} 1`]);
  t.is(launcher.calls.length, 8);
  t.is(table.parts[0]!.rows[0]!.scores['wrong.share']!.mean, 0.5);
  t.is(table.parts[0]!.rows[0]!.scores['test.loss']!.mean, 1);
  t.true(existsSync(path('out/runs/plain/seed-1/commands/wrong.json')));
  t.false(existsSync(path('out/runs/plain/seed-1/commands/wrong.json.tmp')));

  launcher.calls.length = 0;
  await perform(sweep, launcher);
  t.deepEqual(launcher.calls, []);
  await writeFile(path('out/runs/plain/seed-1/summary.json'), '{"steps": 8}');
  await perform(sweep, launcher);
  t.deepEqual(launcher.calls, [`count ${path('out/runs/plain/seed-1')} 1`]);
  launcher.calls.length = 0;
  await perform(await load(wrong('recount')), launcher);
  t.is(launcher.calls.length, 4);
});
