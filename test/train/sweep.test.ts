import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import test, { type ExecutionContext } from 'ava';
import type { SweepTable } from '../../src/sweep/index.ts';
import { workplaceFor } from './command-line.ts';

const workplace = workplaceFor(test);
const patience = 400_000;

const sweep = `base: tiny.yaml
seeds: [1, 2]
metrics: [test.mAP, test.loss, boat-without-water.focus.energyInMask]
`;
const args = ['--config', 'sweep.yaml', '--out', 'out', '--jobs', '2', '--threads', '1'];
const runs = ['out/runs/base/seed-1', 'out/runs/base/seed-2'];

/** Sends a signal as soon as the logs of both runs tell of something. */
const when = (told: string, kill: (signal: NodeJS.Signals) => void, signal: NodeJS.Signals) => {
  const watch = setInterval(async () => {
    const logs = await Promise.all(
      runs.map((run) => readFile(workplace().path(run, 'log.ndjson'), 'utf8').catch(() => '')),
    );
    if (!logs.every((log) => log.includes(told))) return;
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
    const first = await tableOf(t);
    t.deepEqual(
      first.table.parts[0]!.rows[0]!.runs.map(({ status }) => status),
      ['finished', 'finished'],
    );
    for (const run of runs) t.regex(await place.read(`${run}.log`), /^resumed {2}after step \d+: epoch 1/m);

    // Without any interruption.
    await rm(place.path(runs[0]!), { recursive: true });
    t.deepEqual(await tableOf(t), first);
    t.notRegex(await place.read(`${runs[0]}.log`), /resumed/);
  },
);
