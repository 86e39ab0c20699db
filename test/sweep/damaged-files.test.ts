import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { stringifyConfig } from '../../src/config/index.ts';
import { ConfigError, DataError, type GainError, RunError } from '../../src/errors/index.ts';
import { commandsLeft, loadSweep, runState, standingOutcomes, sweepTable } from '../../src/sweep/index.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';

/** A sweep of one run that is finished. */
async function finished(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'base.yaml'), 'name: b\ndata: { splits: { test: [test] } }\n');
  writeFileSync(
    join(folder, 's.yaml'),
    'base: base.yaml\nseeds: [1]\nsettings: [{ name: plain }]\nevaluate: {}\nmetrics: [test.accuracy]\n',
  );
  const sweep = await loadSweep(join(folder, 's.yaml'), join(folder, 'out'));
  const [run] = sweep.runs;
  mkdirSync(run!.directory, { recursive: true });
  mkdirSync(join(folder, 'out', 'slurm'));
  const put = (name: string, content: string) => writeFileSync(join(run!.directory, name), content);
  put('config.yaml', stringifyConfig(run!.config));
  put('log.ndjson', '{"event":"finish"}\n');
  put('summary.json', '{"metrics":{"test":{"accuracy":0.5}}}');
  const look = async () => {
    const states = await Promise.all(sweep.runs.map(runState));
    await commandsLeft(sweep, run!, states[0]!, 1);
    return sweepTable(sweep, await standingOutcomes(sweep, states));
  };
  return { folder, sweep, put, look };
}

const damages: [
  name: string,
  content: string,
  Failure: new (message: string) => GainError,
  message: RegExp,
][] = [
  ['steps.json', '{', DataError, /steps\.json: expected JSON: .*; without it the steps are done again$/],
  [
    'steps.json',
    '[1]',
    DataError,
    /steps\.json: expected the names of steps; without it they are done again$/,
  ],
  ['summary.json', '{"metrics":', DataError, /summary\.json: expected JSON: /],
  ['config.yaml', 'name: [', ConfigError, /config\.yaml:1:\d+ not valid YAML/],
];

for (const [name, content, instanceOf, message] of damages) {
  test(`a damaged file of a run is named: ${name} ${content}`, async (t) => {
    const { put, look } = await finished(t);
    t.is((await look()).parts[0]!.rows[0]!.runs[0]!.values['test.accuracy'], 0.5);
    put(name, content);
    await t.throwsAsync(look(), { instanceOf, message });
  });
}

test('what is well-formed and of another kind counts as not measured', async (t) => {
  const { put, look } = await finished(t);
  for (const content of [
    'null',
    '{"metrics":null}',
    '{"metrics":{"test":7}}',
    '{"metrics":{"test":{"accuracy":"a"}}}',
  ]) {
    put('summary.json', content);
    t.is((await look()).parts[0]!.rows[0]!.runs[0]!.values['test.accuracy'], Number.NaN, content);
  }
});

test('a folder where the list of jobs should be is a typed error; lines of another kind are passed over', async (t) => {
  const { folder, look } = await finished(t);
  const jobs = join(folder, 'out', 'slurm', 'jobs.ndjson');
  writeFileSync(jobs, 'null\n{"run":1,"job":2}\n{"run":\n');
  await t.notThrowsAsync(look());
  const other = await finished(t);
  mkdirSync(join(other.folder, 'out', 'slurm', 'jobs.ndjson'));
  await t.throwsAsync(other.look(), { instanceOf: RunError, message: /jobs\.ndjson: cannot be read: / });
});

test('a folder where the log of a run should be is a typed error', async (t) => {
  const { sweep, look } = await finished(t);
  const log = join(sweep.runs[0]!.directory, 'log.ndjson');
  rmSync(log);
  mkdirSync(log);
  await t.throwsAsync(look(), { instanceOf: RunError, message: /log\.ndjson: cannot be read: EISDIR/ });
});

test('names of settings and of the sweep stay in its folder', async (t) => {
  const folder = temporaryFolder(t);
  writeFileSync(join(folder, 'base.yaml'), 'name: b\n');
  const load = (text: string) => {
    writeFileSync(join(folder, 's.yaml'), `base: base.yaml\nseeds: [1]\n${text}`);
    return loadSweep(join(folder, 's.yaml'), join(folder, 'out'));
  };
  for (const name of ['..', '.', '...', 'con']) {
    const { runs } = await load(`settings: [{ name: '${name}' }]\n`);
    t.regex(runs[0]!.directory.slice(join(folder, 'out').length), /^\/runs\/-[\w.]*\/seed-1$/, name);
  }
  const long = await load(`settings: [{ name: ${'x'.repeat(300)} }, { name: ${'x'.repeat(301)} }]\n`);
  t.is(new Set(long.runs.map(({ directory }) => directory)).size, 2);
  for (const name of ['..', '.x', 'x'.repeat(121)]) {
    await t.throwsAsync(load(`name: '${name}'\n`), {
      instanceOf: ConfigError,
      message: /s\.yaml:3:\d+ name: expected/,
    });
  }
});
