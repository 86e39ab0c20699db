import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { DirectoryLock, lockHolder } from '../../src/run/index.ts';
import {
  cancelSweep,
  type Sweep,
  slurmCalls,
  slurmOptions,
  slurmSweep,
  standings,
  statusTable,
  sweepStatus,
  sweepTable,
  thisJob,
} from '../../src/sweep/index.ts';
import { batchScript } from '../../src/sweep/slurm/index.ts';
import { moduleCommand } from '../program-command.ts';
import { SlurmCluster, slurmInstalled } from './slurm-cluster.ts';
import { sweepFolders } from './sweep-folder.ts';

const folder = sweepFolders(test);
const installed = slurmInstalled();
if (!installed) console.warn('slurm-wlm is not installed (or this is not root): no test on a real Slurm');
const onSlurm = installed ? test.serial : test.skip;

let cluster: SlurmCluster | undefined;
test.before(async (t) => {
  t.timeout(120_000);
  if (installed) cluster = await SlurmCluster.start();
});
test.after.always(() => cluster?.stop());

test('the batch script: what is asked for, requeued and appended, node in the place of the shell', (t) => {
  const options = slurmOptions({ partition: 'gpu', cpusPerTask: 4, setup: ['module load node'] }, [
    'time=1:00:00',
    'memory=8G',
    'extra=--mail-type=FAIL',
  ]);
  const parts = {
    name: 'cards: GAIN, seed 1',
    folder: '/w',
    output: '/w/a.out',
    command: ['node', 'cli.js', 'sweep'],
  };
  t.is(
    batchScript({ ...parts, runs: { directory: 'runs/GAIN/seed 1' }, after: ['7', '8'] }, options),
    `#!/bin/bash
#SBATCH --job-name='cards: GAIN, seed 1'
#SBATCH --chdir=/w
#SBATCH --output=/w/a.out
#SBATCH --open-mode=append
#SBATCH --partition=gpu
#SBATCH --time=1:00:00
#SBATCH --cpus-per-task=4
#SBATCH --mem=8G
#SBATCH --signal=B:TERM@120
#SBATCH --dependency=afterany:7:8
#SBATCH --requeue
#SBATCH --mail-type=FAIL

module load node
exec node cli.js sweep --only 'runs/GAIN/seed 1'
`,
  );
  const array = batchScript({ ...parts, runs: { list: '/w/list', count: 3 } }, slurmOptions({ array: 2 }));
  t.regex(array, /^#SBATCH --array=0-2%2$/m);
  t.regex(array, /--only "\$\(sed -n "\$\(\(SLURM_ARRAY_TASK_ID \+ 1\)\)p" \/w\/list\)"$/m);
});

test('options that there are not, or not so, are refused by name', (t) => {
  t.throws(() => slurmOptions({}, ['partitoin=x']), {
    name: 'UsageError',
    message: /partitoin: there are partition,/,
  });
  t.throws(() => slurmOptions({}, ['cpusPerTask=0']), { message: /slurm\.cpusPerTask: / });
  for (const time of ['3', '2:59', '0:02:00', '0-0:03']) {
    t.throws(() => slurmOptions({}, [`time=${time}`]), {
      message: /more than a minute above slurm\.grace \(120 seconds\)/,
    });
  }
  for (const time of ['4', '3:01', '1:00:00', '1-0', 'UNLIMITED'])
    t.is(slurmOptions({}, [`time=${time}`]).time, time);
  t.is(slurmOptions({ time: '2', grace: 30 }).time, '2');
  t.throws(() => slurmOptions({}, ['time']), { message: /KEY=VALUE, found time/ });
});

test('a job knows its name in the queue and its processors', (t) => {
  t.is(thisJob({}), undefined);
  t.deepEqual(thisJob({ SLURM_JOB_ID: '12', SLURM_CPUS_PER_TASK: '4' }), {
    id: '12',
    number: '12',
    threads: 4,
  });
  const task = { SLURM_JOB_ID: '14', SLURM_ARRAY_JOB_ID: '12', SLURM_ARRAY_TASK_ID: '1' };
  t.deepEqual(thisJob(task), { id: '12_1', number: '14', threads: 1 });
});

test.serial(
  'the lock of another host: its job is looked for in the queue; what nobody knows is only broken on request',
  async (t) => {
    const { path } = await folder();
    await mkdir(path('bin'));
    const answer = async (script: string) => {
      await writeFile(path('bin', 'squeue'), `#!/bin/sh\n${script}\n`);
      await chmod(path('bin', 'squeue'), 0o755);
    };
    const before = process.env.PATH;
    process.env.PATH = `${path('bin')}:${before}`;
    try {
      const lock = async (job: string | undefined) => {
        await rm(path('run'), { recursive: true, force: true });
        await mkdir(path('run'));
        await writeFile(path('run', '.lock'), JSON.stringify({ host: 'far', pid: 1, started: '1', job }));
      };
      await answer('echo RUNNING');
      await lock('101');
      t.is(lockHolder(path('run'))?.job, '101');
      await t.throwsAsync(DirectoryLock.acquire(path('run')), {
        message: /in use by process 1 on far, Slurm job 101; if it is no more, --break-lock/,
      });
      const broken: string[] = [];
      (await DirectoryLock.acquire(path('run'), { onBreak: (what) => broken.push(what) })).release();
      t.deepEqual(broken, [`${path('run', '.lock')}: taken away from process 1 on far, Slurm job 101`]);

      for (const [job, script] of [
        ['102', 'echo PENDING'],
        ['103', 'echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1'],
        ['104', 'true'],
      ] as const) {
        await answer(script);
        await lock(job);
        t.is(lockHolder(path('run')), undefined, script);
        (await DirectoryLock.acquire(path('run'))).release();
      }
      await answer('echo "Unable to contact slurm controller" >&2; exit 1');
      await lock('105');
      t.truthy(lockHolder(path('run')), 'a controller that does not answer says nothing of the job');
      await lock(undefined);
      t.truthy(lockHolder(path('run')));
      // A job that was requeued meets the lock of its own former life.
      process.env.SLURM_JOB_ID = '106';
      await lock('106');
      t.is(lockHolder(path('run')), undefined);
    } finally {
      process.env.PATH = before;
      delete process.env.SLURM_JOB_ID;
    }
  },
);

const job = moduleCommand(new URL('./pretended-job', import.meta.url));
const commandOf = (sweep: Sweep) => [...job, sweep.file, sweep.out];
const optionsOf = (sweep: Sweep, said: string[] = [], given: string[] = []) => ({
  slurm: slurmOptions(
    {},
    ['memory=1M', ...given].filter((one) => !one.startsWith('memory')),
  ),
  command: commandOf(sweep),
  pollEvery: 200,
  log: (line: string) => void said.push(line),
});

onSlurm(
  'a sweep: jobs on two nodes, the failed told with its last words and run again, the table as ever',
  async (t) => {
    t.timeout(200_000);
    const { load } = await folder();
    const sweep = await load('base: tiny.yaml\nseeds: [1, 2, 13]\n');
    const said: string[] = [];
    slurmCalls.sbatch = 0;
    const outcomes = await slurmSweep(sweep, optionsOf(sweep, said));
    t.deepEqual(outcomes.slice(0, 2), [{ status: 'finished' }, { status: 'finished' }]);
    t.deepEqual(outcomes[2], {
      status: 'failed',
      code: 3,
      reason: 'training ended with exit code 3: DataError: data/train, record 7: torn',
      trained: false,
    });
    t.is(slurmCalls.sbatch, 3);
    t.is(said[0], 'slurm    3 of 3 runs to submit');
    const log = await readFile(`${sweep.runs[0]!.directory}.log`, 'utf8');
    t.regex(log, /engine\.threads=1, node[12]$/m, "the job's processors are the threads");
    const table = await sweepTable(sweep, outcomes);
    t.is(table.parts[0]!.rows[0]!.scores['test.accuracy']!.mean.toFixed(6), '0.150000');
    t.regex(
      statusTable(await sweepStatus(sweep)),
      /^base, seed 13 +failed .*\n[\s\S]*2 finished, 1 failed\nbase, seed 13: training ended/m,
    );

    // Again: what is finished is left alone, what failed has another try.
    const again: string[] = [];
    await slurmSweep(sweep, optionsOf(sweep, again));
    t.is(again[0], 'slurm    1 of 3 runs to submit');
  },
);

onSlurm(
  'a signal before the end: the job goes into the queue again and the run goes on; two launchers submit once',
  async (t) => {
    t.timeout(200_000);
    const { load } = await folder();
    const sweep = await load('base: tiny.yaml\nseeds: [1]\n');
    const [run] = sweep.runs;
    await mkdir(sweep.out, { recursive: true });
    await writeFile(join(sweep.out, 'hold'), '');
    await slurmSweep(sweep, { ...optionsOf(sweep), submitOnly: true });
    await cluster!.until(() => existsSync(`${run!.directory}.log`), 'the run to begin');
    const [standing] = await standings(sweep);
    t.is(standing!.job!.state, 'RUNNING');
    t.regex(statusTable(await sweepStatus(sweep)), /^base, seed 1 +running +\d\/2 +job \d+ node[12]/m);
    const second: string[] = [];
    await slurmSweep(sweep, { ...optionsOf(sweep, second), submitOnly: true });
    t.is(second[0], 'slurm    0 of 1 runs to submit');

    // What Slurm sends before the time limit.
    execFileSync('scancel', ['--batch', '--signal=TERM', standing!.id!]);
    await cluster!.until(
      async () => (await standings(sweep))[0]!.job?.state === 'PENDING',
      'the job to be queued again',
    );
    await rm(join(sweep.out, 'hold'));
    cluster!.letBegin(standing!.id!);
    t.deepEqual(await slurmSweep(sweep, optionsOf(sweep)), [{ status: 'finished' }]);
    const events = (await readFile(join(run!.directory, 'log.ndjson'), 'utf8')).trim().split('\n');
    t.deepEqual(
      events.map((line) => JSON.parse(line).event),
      ['start', 'resume', 'finish'],
    );
  },
);

onSlurm(
  'the first run draws the data, the others are an array after it; cancelled, its runs are told so, and go on at the next start',
  async (t) => {
    t.timeout(200_000);
    const { load } = await folder();
    const sweep = await load('base: tiny.yaml\nseeds: [1, 2, 3]\n');
    await mkdir(sweep.out, { recursive: true });
    await writeFile(join(sweep.out, 'hold'), '');
    await slurmSweep(sweep, { ...optionsOf(sweep, [], ['array=true']), submitOnly: true });
    await cluster!.until(() => existsSync(`${sweep.runs[0]!.directory}.log`), 'the first run to begin');
    t.deepEqual(
      (await standings(sweep)).map(({ id }) => id!.split('_')[1]),
      [undefined, '0', '1'],
    );
    t.is(await cancelSweep(sweep), 3);
    await cluster!.until(async () => (await standings(sweep)).every(({ job }) => !job), 'the jobs to end');
    const outcomes = (await standings(sweep)).map(({ outcome }) => outcome);
    for (const outcome of outcomes) {
      t.is(outcome.status, 'failed');
      t.regex('reason' in outcome ? outcome.reason : '', /^job \d+(_\d)? (was cancelled|CANCELLED)/);
    }
    await rm(join(sweep.out, 'hold'));
    const after = await slurmSweep(sweep, optionsOf(sweep, [], ['array=true']));
    t.deepEqual(
      after.map(({ status }) => status),
      ['finished', 'finished', 'finished'],
    );
  },
);
