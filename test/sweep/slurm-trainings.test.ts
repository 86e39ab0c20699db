import { execFileSync, spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import test from 'ava';
import { loadSweep, type Sweep, standings } from '../../src/sweep/index.ts';
import { programCommand } from '../program-command.ts';
import { accountingInstalled, SlurmAccounting } from './slurm-accounting.ts';
import { SlurmCluster, slurmInstalled, waitUntil } from './slurm-cluster.ts';

// Whole trainings on a Slurm of two nodes that does its worst: some ten minutes on two cores. docs/sweeps.md has what
// came out.
//
//     GAIN_SLURM=all npx ava test/sweep/slurm-trainings.test.ts

const asked = process.env.GAIN_SLURM === 'all' && slurmInstalled();
if (!asked) console.warn('trainings on a real Slurm: only with GAIN_SLURM=all and slurm-wlm');
const onSlurm = asked ? test.serial : test.skip;
const patience = 1_200_000;

/** 64 pictures, 8 of them with masks in the loss: 8 epochs of 9 steps. */
const experiment = `name: boats
data:
  source: biased-boats
  dir: data
  options: { train: 56, trainFullsup: 16, val: 16, test: 32, unbiased: 16 }
  splits: { train: [train, train-fullsup], validation: val, test: [test, boat-without-water] }
  masks: { split: train-fullsup, count: 8, perBatch: 2 }
  batchSize: 8
model: { backbone: small-cnn, options: { widths: [8, 16, 16], dropout: 0.25 } }
training: { epochs: 8 }
evaluation: { focusClass: boat }
log: { images: 0 }
`;
const settings = `settings:
  - { name: plain, set: { gain.losses.mining.weight: 0, gain.losses.supervision.weight: 0 } }
  - { name: mining, set: { gain.losses.supervision.weight: 0 } }
  - { name: guided, set: { gain.losses.mining.weight: 0, gain.losses.supervision.weight: 10 } }
  - { name: both, set: { gain.losses.supervision.weight: 10, gain.method: grad-cam++ } }
`;
const sweeps: Record<string, string> = {
  'four.yaml': `base: boats.yaml
seeds: [1, 2]
${settings}baseline: plain
metrics: [test.mAP, test.loss, boat-without-water.focus.energyInMask]
`,
  'one.yaml': `base: boats.yaml\nseeds: [1]\n${settings.split('\n').toSpliced(1, 3).join('\n')}`,
  'long.yaml': `base: boats.yaml\nseeds: [1]\nset: { training.epochs: 120, gain.losses.supervision.weight: 10 }\n`,
  'many.yaml': `base: boats.yaml\nseeds: [${Array.from({ length: 200 }, (_, i) => i + 1).join(', ')}]\n`,
};

type Standing = Awaited<ReturnType<typeof standings>>[number];

let folder: string;
let cluster: SlurmCluster;
let accounting: SlurmAccounting | undefined;
test.before(async (t) => {
  t.timeout(180_000);
  if (!asked) return;
  folder = await mkdtemp(join(tmpdir(), 'gain-slurm-'));
  await writeFile(join(folder, 'boats.yaml'), experiment);
  for (const [name, text] of Object.entries(sweeps)) await writeFile(join(folder, name), text);
  const ofSlurm = join(folder, 'slurm');
  await mkdir(ofSlurm);
  if (accountingInstalled()) accounting = await SlurmAccounting.start(ofSlurm);
  else
    console.warn('sacct: only with slurmdbd, slurm-wlm-mysql-plugin, mariadb-server-core and mariadb-client');
  cluster = await SlurmCluster.start({
    folder: ofSlurm,
    accounting: accounting?.conf ?? ['AccountingStorageType=accounting_storage/none'],
    conf: [
      'PreemptType=preempt/partition_prio',
      'PreemptMode=REQUEUE',
      'PartitionName=scavenge Nodes=node[1-2] PriorityTier=1 MaxTime=INFINITE State=UP',
      'PartitionName=graced Nodes=node[1-2] PriorityTier=1 GraceTime=5 MaxTime=INFINITE State=UP',
      'PartitionName=urgent Nodes=node[1-2] PriorityTier=10 PreemptMode=OFF MaxTime=INFINITE State=UP',
    ],
  });
});
test.after.always(async () => {
  await cluster?.stop();
  await accounting?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

interface Ended {
  readonly code: number | null;
  readonly said: string;
}

function start(...args: string[]) {
  const [file, ...first] = programCommand;
  const child = spawn(file, [...first, ...args], { cwd: folder });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, said })));
  return { ended, kill: (signal: NodeJS.Signals) => child.kill(signal) };
}

const call = (...args: string[]) => start(...args).ended;
const sweepLine = (file: string, out: string, ...more: string[]) => [
  'sweep',
  '--config',
  file,
  '--out',
  join(folder, out),
  ...more,
];
const onCluster = (...more: string[]) => [
  '--launcher',
  'slurm',
  '--slurm',
  'memory=1M',
  '--poll',
  '1',
  ...more,
];
const sweepOf = (file: string, out: string) => loadSweep(join(folder, file), join(folder, out));

const eventsOf = (directory: string) => {
  const path = join(directory, 'log.ndjson');
  const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : [];
  return lines.flatMap((line): { event: string; step?: number }[] => {
    try {
      return [JSON.parse(line)];
    } catch {
      return [];
    }
  });
};
const stepOf = (directory: string) =>
  eventsOf(directory).findLast(({ step }) => step !== undefined)?.step ?? 0;
const courseOf = (directory: string) =>
  eventsOf(directory).flatMap(({ event }) => (['start', 'resume', 'finish'].includes(event) ? [event] : []));
const weightsOf = (directory: string) =>
  readFileSync(join(directory, 'model', 'weights.bin')).toString('hex');
/** The table of a sweep, without the folders in which its runs lie. */
const tableOf = (out: string) =>
  JSON.parse(readFileSync(join(folder, out, 'table.json'), 'utf8'), (key, value) =>
    key === 'directory' ? undefined : value,
  );

/** The first run that stands so. */
async function standing(sweep: Sweep, holds: (one: Standing) => boolean, what: string): Promise<Standing> {
  let found: Standing | undefined;
  await cluster.until(
    async () => {
      found = (await standings(sweep)).find(holds);
      return found !== undefined;
    },
    what,
    300,
  );
  return found!;
}

/** Waits until a job that Slurm has put into the queue again stands there, and lets it begin. */
async function beginsAgain({ run, id }: Standing, sweep: Sweep): Promise<void> {
  await standing(
    sweep,
    (one) => one.run.directory === run.directory && one.job?.state === 'PENDING',
    `job ${id} to be queued again`,
  );
  cluster.letBegin(id!);
}

onSlurm(
  'four settings with two seeds: the launcher killed, a node killed, a job cancelled; the table and the weights of the local sweep',
  async (t) => {
    t.timeout(patience);
    const local = await call(...sweepLine('four.yaml', 'local', '--jobs', '2', '--threads', '1'));
    t.is(local.code, 0, local.said);

    const launcher = start(...sweepLine('four.yaml', 'far', ...onCluster()));
    const sweep = await sweepOf('four.yaml', 'far');
    const onSecond = await standing(
      sweep,
      ({ run, job }) => job?.where === 'node2' && stepOf(run.directory) >= 10,
      'a run on node2 to be at work',
    );
    const second = await call(...sweepLine('four.yaml', 'far', ...onCluster()));
    t.is(second.code, 2);
    t.regex(second.said, /in use by process \d+/);
    launcher.kill('SIGKILL');
    await launcher.ended;

    const at = stepOf(onSecond.run.directory);
    await cluster.killNode('node2');
    t.log(`node2 killed at step ${at} of 72 of ${onSecond.run.name}`);
    const cancelled = await standing(
      sweep,
      ({ run, job }) => job?.where === 'node1' && stepOf(run.directory) >= 10,
      'a run on node1 to be at work',
    );
    execFileSync('scancel', [cancelled.id!]);
    await beginsAgain(onSecond, sweep);
    await cluster.startNode('node2');
    await standing(
      sweep,
      ({ run, job, outcome }) =>
        run.directory === cancelled.run.directory && !job && outcome.status === 'failed',
      'the cancelled job to end',
    );
    const status = await call(...sweepLine('four.yaml', 'far', '--status'));
    t.regex(status.said, new RegExp(`^${cancelled.run.name} +failed`, 'm'));
    t.regex(status.said, new RegExp(`^${cancelled.run.name}: job ${cancelled.id} was cancelled`, 'm'));

    const again = await call(...sweepLine('four.yaml', 'far', ...onCluster()));
    t.is(again.code, 0, again.said);
    t.regex(again.said, /slurm {4}1 of 8 runs to submit/);
    t.deepEqual(courseOf(onSecond.run.directory), ['start', 'resume', 'finish']);
    t.deepEqual(courseOf(cancelled.run.directory), ['start', 'resume', 'finish']);
    t.deepEqual(tableOf('far'), tableOf('local'));
    const weights = sweep.runs.map(({ directory }) => weightsOf(directory));
    const ofLocal = (await sweepOf('four.yaml', 'local')).runs.map(({ directory }) => weightsOf(directory));
    t.is(new Set(weights).size, 8, 'eight different trainings');
    t.true(weights.every((one, i) => one === ofLocal[i]));

    if (accounting) {
      const accounted = (id: string) =>
        execFileSync('sacct', ['-X', '-n', '-P', '-D', '-j', id, '-o', 'State,NodeList'], {
          encoding: 'utf8',
        });
      t.regex(accounted(onSecond.id!), /^(NODE_FAIL|REQUEUED)\|node2\nCOMPLETED\|node[12]$/m);
      t.regex(accounted(cancelled.id!), /^CANCELLED by 0\|node1$/m);
    }
  },
);

onSlurm('--evaluate as jobs: the numbers of the local evaluation', async (t) => {
  t.timeout(patience);
  for (const out of ['far', 'local']) {
    const more = out === 'far' ? onCluster() : ['--jobs', '2', '--threads', '1'];
    const { code, said } = await call(...sweepLine('four.yaml', out, '--evaluate', ...more));
    t.is(code, 0, said);
  }
  const table = tableOf('far');
  t.deepEqual(table, tableOf('local'));
  const { scores } = table.parts[0].rows[0];
  t.is(typeof scores['evaluation.test.classification.mAP'].mean, 'number');
});

onSlurm('preempted with and without a time of grace: queued again, resumed, the same weights', async (t) => {
  t.timeout(patience);
  for (const partition of ['scavenge', 'graced']) {
    const more = onCluster('--submit', '--slurm', `partition=${partition}`);
    const { code, said } = await call(...sweepLine('one.yaml', partition, ...more));
    t.is(code, 0, said);
  }
  const low = await Promise.all(['scavenge', 'graced'].map((out) => sweepOf('one.yaml', out)));
  const running = await Promise.all(
    low.map((sweep) =>
      standing(sweep, ({ run }) => stepOf(run.directory) >= 10, 'a preemptible run to be at work'),
    ),
  );
  const urgent = execFileSync(
    'sbatch',
    ['--parsable', '--partition=urgent', '--nodes=2', '--output=/dev/null', '--wrap', 'exec sleep 3'],
    { encoding: 'utf8' },
  ).trim();
  await Promise.all(low.map((sweep, i) => beginsAgain(running[i]!, sweep)));
  for (const [i, sweep] of low.entries()) {
    const [run] = sweep.runs;
    t.log(`${['without', 'with'][i]} grace: preempted by job ${urgent} at step ${stepOf(run!.directory)}`);
    await standing(sweep, ({ job, outcome }) => !job && outcome.status === 'finished', 'the run to finish');
    t.deepEqual(courseOf(run!.directory), ['start', 'resume', 'finish']);
    t.regex(readFileSync(`${run!.directory}.log`, 'utf8'), /InterruptedError: .*checkpoint/);
    t.is(weightsOf(run!.directory), weightsOf(join(folder, 'local', 'runs', 'both', 'seed-1')));
  }
});

onSlurm('a time limit in the middle: resumed, the same weights', async (t) => {
  t.timeout(patience);
  const more = onCluster('--submit', '--slurm', 'time=3', '--slurm', 'grace=30');
  const { code, said } = await call(...sweepLine('long.yaml', 'limited', ...more));
  t.is(code, 0, said);
  const reference = call(...sweepLine('long.yaml', 'unlimited', '--threads', '1'));
  const sweep = await sweepOf('long.yaml', 'limited');
  const [run] = sweep.runs;
  let stopped: number | undefined;
  await waitUntil(
    async () => {
      const [one] = await standings(sweep);
      if (one!.job?.state === 'PENDING' && stepOf(run!.directory) > 0) {
        stopped ??= stepOf(run!.directory);
        await beginsAgain(one!, sweep);
        await wait(5000);
      }
      return !one!.job;
    },
    () => `the run does not end: ${cluster.log('slurmctld').slice(-2000)}`,
    900,
  );
  t.log(`the limit struck after step ${stopped} of 1080`);
  t.truthy(stopped, 'the limit struck before the run was done');
  t.is(courseOf(run!.directory).at(-1), 'finish');
  t.true(courseOf(run!.directory).includes('resume'));
  t.is((await reference).code, 0);
  const whole = (await sweepOf('long.yaml', 'unlimited')).runs[0]!;
  t.is(weightsOf(run!.directory), weightsOf(whole.directory));
});

onSlurm('200 jobs: submitted singly and as an array, cancelled at once', async (t) => {
  t.timeout(patience);
  for (const array of ['false', 'true']) {
    const begun = Date.now();
    // None begins: the queue is what is looked at.
    const more = onCluster('--submit', '--slurm', `array=${array}`, '--slurm', 'extra=--hold');
    const { code, said } = await call(...sweepLine('many.yaml', `many-${array}`, ...more));
    t.is(code, 0, said);
    t.log(`array ${array}: ${((Date.now() - begun) / 1000).toFixed(1)} s with the start of the program`);
    const status = await call(...sweepLine('many.yaml', `many-${array}`, '--status'));
    t.regex(status.said, /^200 runs: 200 pending$/m);
    const cancel = await call(...sweepLine('many.yaml', `many-${array}`, '--cancel'));
    t.regex(cancel.said, /200 jobs cancelled/);
    const after = await call(...sweepLine('many.yaml', `many-${array}`, '--status'));
    t.regex(after.said, /^200 runs: 200 failed$/m);
  }
});
