import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { DirectoryLock } from '../../src/run/directory-lock.ts';
import type { SweepTable } from '../../src/sweep/index.ts';
import { type Ended, workplaceFor } from './command-line.ts';

const workplace = workplaceFor(test);
const patience = 400_000;

const sweep = `base: quick.yaml
seeds: [1, 2]
metrics: [test.mAP, test.loss, boat-without-water.focus.energyInMask]
`;
const args = ['--config', 'sweep.yaml', '--out', 'out', '--jobs', '2', '--threads', '1'];
const runs = ['out/runs/base/seed-1', 'out/runs/base/seed-2'];

/** Sends a signal as soon as the logs of both runs tell of something. */
const when = (told: string, kill: (signal: NodeJS.Signals) => void, signal: NodeJS.Signals) => {
  let sent = false;
  const watch = setInterval(async () => {
    const logs = await Promise.all(
      runs.map((run) => readFile(workplace().path(run, 'log.ndjson'), 'utf8').catch(() => '')),
    );
    // Two looks may be under way at once.
    if (sent || !logs.every((log) => log.includes(told))) return;
    sent = true;
    clearInterval(watch);
    kill(signal);
  }, 5);
};

async function tableOf(t: ExecutionContext): Promise<{ table: SweepTable; markdown: string }> {
  const ended = await workplace().call('sweep', args);
  t.is(ended.code, 0, ended.stderr);
  return {
    table: JSON.parse(await workplace().read('out/table.json')),
    markdown: await workplace().read('out/table.md'),
  };
}

test.serial(
  'interrupted, then killed, a sweep goes on; a run that is deleted is run again; the table is the same',
  async (t) => {
    t.timeout(patience);
    const place = workplace();
    await writeFile(place.path('sweep.yaml'), sweep);
    const tiny = await place.read('tiny.yaml');
    await writeFile(
      place.path('quick.yaml'),
      tiny
        .replace('batchSize: 8', 'batchSize: 8\n  workers: 0')
        .replace('images: 2', 'images: 0, histogramsEvery: 0'),
    );

    // One SIGINT: both runs write a checkpoint.
    const interrupted = await place.call('sweep', args, {
      onStart: (kill) => when('"step":2,', kill, 'SIGINT'),
    });
    t.is(interrupted.code, 130, interrupted.stderr);
    t.is(interrupted.stdout, '');
    t.regex(
      interrupted.stderr,
      /^InterruptedError: interrupted: 0 of 2 runs are finished; the same command goes on$/m,
    );
    for (const run of runs) {
      t.regex(
        await place.read(`${run}.log`),
        /^InterruptedError: interrupted after step \d+, checkpoint written/m,
      );
      t.false(existsSync(place.path(run, '.lock')));
    }

    // SIGKILL of the launcher alone: its runs go on, and the next launcher waits for them.
    const killed = await place.call('sweep', args, { onStart: (kill) => when('"resume"', kill, 'SIGKILL') });
    t.is(killed.signal, 'SIGKILL');
    t.true(existsSync(place.path('out/.lock')));
    const first = await tableOf(t);
    t.false(existsSync(place.path('out/.lock')));
    t.deepEqual(
      first.table.parts[0]!.rows[0]!.runs.map(({ status }) => status),
      ['finished', 'finished'],
    );
    for (const run of runs) t.regex(await place.read(`${run}.log`), /^resumed {2}after step \d+: epoch \d/m);

    // Without any interruption.
    await rm(place.path(runs[0]!), { recursive: true });
    t.deepEqual(await tableOf(t), first);
    t.notRegex(await place.read(`${runs[0]}.log`), /resumed/);
  },
);

test.serial(
  'a second launcher is refused, --table and --dry-run are not; a launcher that was killed holds nobody off',
  async (t) => {
    t.timeout(patience);
    const place = workplace();
    await writeFile(place.path('held.yaml'), 'base: tiny.yaml\nseeds: [1]\n');
    const args = ['--config', 'held.yaml', '--out', 'held', '--threads', '1'];
    const call = (more: readonly string[] = []) => place.call('sweep', [...args, ...more]);
    // The launcher waits for a run at which another process is: this one.
    const run = await DirectoryLock.acquire(place.path('held/runs/base/seed-1'));

    let beside: Promise<Ended[]> | undefined;
    const first = await place.call('sweep', args, {
      onStderr(said, kill) {
        if (!/^sweep /m.test(said)) return;
        beside ??= Promise.all([call(), call(['--table']), call(['--dry-run'])]).finally(() =>
          kill('SIGKILL'),
        );
      },
    });
    t.is(first.signal, 'SIGKILL');
    const { pid } = JSON.parse(await place.read('held/.lock'));
    const [second, table, dryRun] = (await beside) as [Ended, Ended, Ended];
    t.is(second.stderr, `RunError: held: in use by process ${pid} on ${hostname()}\n`);
    t.is(second.code, 2);
    t.is(table.code, 0, table.stderr);
    t.regex(table.stdout, /^\| base /m);
    t.is(table.stderr, `held: process ${pid} on ${hostname()} is at work and writes the table at its end\n`);
    t.is(dryRun.code, 0, dryRun.stderr);
    // By how it was called itself: from a checkout, or compiled.
    t.regex(
      dryRun.stdout,
      /^(?:npm run --silent train --|npx tfjs-gain train) .* --run held\/runs\/base\/seed-1 .*\n$/,
    );
    t.deepEqual((await readdir(place.path('held'))).sort(), ['.lock', 'runs']);

    const again = await place.call('sweep', args, {
      onStderr: (said, kill) => /^sweep /m.test(said) && kill('SIGINT'),
    });
    t.is(again.code, 130, again.stderr);
    t.false(existsSync(place.path('held/.lock')));

    run.release();
    const alone = await call(['--table']);
    t.is(alone.code, 0, alone.stderr);
    t.deepEqual((await readdir(place.path('held'))).sort(), ['runs', 'table.json', 'table.md']);
  },
);

test.serial('a run and a sweep do not share a folder', async (t) => {
  t.timeout(patience);
  const place = workplace();
  await writeFile(place.path('apart.yaml'), 'base: tiny.yaml\nseeds: [1]\n');
  await mkdir(place.path('run'));
  await writeFile(place.path('run/config.yaml'), 'name: tiny\n');
  const sweep = await place.callHere('sweep', ['--config', 'apart.yaml', '--out', 'run']);
  t.is(sweep.stderr, 'RunError: run: holds a run; --out DIR puts the sweep elsewhere\n');
  t.is(sweep.code, 2);
  t.deepEqual(await readdir(place.path('run')), ['config.yaml']);

  await mkdir(place.path('sweep/runs/base/seed-1'), { recursive: true });
  const train = await place.callHere('train', ['--config', 'tiny.yaml', '--run', 'sweep', '--overwrite']);
  t.is(train.stderr, 'RunError: sweep: holds the runs of a sweep; --run DIR puts this one elsewhere\n');
  t.is(train.code, 2);
  t.deepEqual(await readdir(place.path('sweep')), ['runs']);
});
