import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { writeWhole } from '../../files/index.ts';
import { lockHolder } from '../../run/index.ts';
import { logOf, type Outcome } from '../perform.ts';
import { runState, tail } from '../run-state.ts';
import { DoneSteps, stepsOf } from '../steps.ts';
import type { Sweep, SweepRun } from '../sweep.ts';
import { batchScript } from './batch-script.ts';
import { JobBook } from './job-book.ts';
import type { SlurmOptions } from './options.ts';
import { cancel, endOf, type QueuedJob, queuedJobs, submit } from './queue.ts';

export interface SlurmSweepOptions {
  readonly slurm: SlurmOptions;
  /** The words that perform one run of the sweep in a job, its directory left out. */
  readonly command: readonly string[];
  /** Submit, and do not wait for the jobs. @default false */
  readonly submitOnly?: boolean;
  /** Milliseconds between two looks at the queue: one question for the whole sweep. @default 30000 */
  readonly pollEvery?: number;
  /** Ends the waiting; the jobs go on. */
  readonly signal?: AbortSignal | undefined;
  readonly log: (line: string) => void;
  readonly onEnd?: (run: SweepRun, outcome: Outcome) => void;
}

/** How the runs of a sweep stand on Slurm. */
export interface Standing {
  readonly run: SweepRun;
  /** What is waiting, running or ending. */
  readonly job: QueuedJob | undefined;
  /** Of its last job, where it had one. */
  readonly id: string | undefined;
  /** As far as its directory, its job and Slurm tell. */
  readonly outcome: Outcome;
}

/**
 * Submits a job for every run of a sweep that is not done and has none, and waits until they have left the queue.
 *
 * A run goes into one job with all that follows its training. Where built-in data must be drawn first, the first run
 * that wants it goes alone and the others after it. Nothing is lost when the launcher ends: what is known stands in the
 * sweep's folder, and the jobs are Slurm's.
 *
 * @returns how each run stands, in the order of `sweep.runs`
 * @throws {RunError} when Slurm does not answer or refuses a job
 */
export async function slurmSweep(sweep: Sweep, options: SlurmSweepOptions): Promise<Outcome[]> {
  const { submitOnly = false, pollEvery = 30_000, signal, log, onEnd } = options;
  await submitAll(sweep, options);
  if (submitOnly) return (await standings(sweep)).map(({ outcome }) => outcome);
  const told = new Set<SweepRun>();
  for (;;) {
    const all = await standings(sweep);
    for (const { run, job, outcome } of all) {
      if (job || outcome.status === 'missing' || told.has(run)) continue;
      told.add(run);
      onEnd?.(run, outcome);
    }
    const active = all.filter(({ job }) => job);
    if (active.length === 0 || signal?.aborted) return all.map(({ outcome }) => outcome);
    const running = active.filter(({ job }) => job!.state === 'RUNNING').length;
    log(`slurm    ${active.length} jobs left, ${running} of them running`);
    await wait(pollEvery, undefined, signal ? { signal } : {}).catch(() => undefined);
  }
}

/** Looks at directories, jobs and the queue: one question to the controller, and one for each job that vanished. */
export async function standings(sweep: Sweep): Promise<Standing[]> {
  const book = new JobBook(sweep);
  const jobs = await book.jobs();
  const queue = jobs.size > 0 ? await queuedJobs() : new Map<string, QueuedJob>();
  return Promise.all(
    sweep.runs.map(async (run): Promise<Standing> => {
      const id = jobs.get(book.nameOf(run));
      const job = id === undefined ? undefined : queue.get(id);
      const outcome = await outcomeOf(sweep, run, book, job ? undefined : id);
      return { run, id, job, outcome };
    }),
  );
}

/** @param ended the run's last job, which has left the queue */
async function outcomeOf(
  sweep: Sweep,
  run: SweepRun,
  book: JobBook,
  ended: string | undefined,
): Promise<Outcome> {
  const state = await runState(run);
  if (state === 'diverged') return { status: 'diverged' };
  const own = ended === undefined ? undefined : await book.outcome(run, ended);
  const trained = state === 'finished';
  if (trained && (await stepsLeft(sweep, run)) === 0) return { status: 'finished' };
  if (ended === undefined) return { status: 'missing' };
  if (own?.status === 'failed') return own;
  const end = own ? undefined : await endOf(ended);
  const how = end ?? (own ? 'ended before its run did' : 'has left the queue and Slurm knows it no more');
  const reason = `job ${ended} ${how}: ${await lastWords(run, book)}`;
  const outcome: Outcome = { status: 'failed', code: 1, reason, trained };
  // Asked once: the controller forgets, and has better things to do.
  await book.ended(run, ended, outcome);
  return outcome;
}

async function stepsLeft(sweep: Sweep, run: SweepRun): Promise<number> {
  const steps = stepsOf(sweep, run);
  if (steps.length === 0) return 0;
  const done = await DoneSteps.of(run.directory);
  return steps.filter((step) => !done.has(step)).length;
}

async function lastWords(run: SweepRun, book: JobBook): Promise<string> {
  for (const path of [logOf(run), book.output(run)]) {
    const said = (await tail(path, 4096)).trimEnd();
    if (said !== '') return said.split('\n').slice(-2).join(' / ');
  }
  return 'it said nothing';
}

/** Cancels every job of a sweep that is in the queue. @returns how many */
export async function cancelSweep(sweep: Sweep): Promise<number> {
  const active = (await standings(sweep)).flatMap(({ job }) => job?.id ?? []);
  await cancel(active);
  return active.length;
}

async function submitAll(sweep: Sweep, options: SlurmSweepOptions): Promise<void> {
  const { log } = options;
  const all = await standings(sweep);
  const states = await Promise.all(sweep.runs.map(runState));
  const trained = new Set(sweep.runs.filter((_, i) => states[i] === 'finished'));
  const waiting = all.filter(
    ({ run, job, outcome }) =>
      !job &&
      outcome.status !== 'finished' &&
      outcome.status !== 'diverged' &&
      !lockHolder(run.directory) &&
      (sweep.trains !== false || trained.has(run)),
  );
  log(`slurm    ${waiting.length} of ${sweep.runs.length} runs to submit`);
  const runs = waiting.map(({ run }) => run);
  const firsts = runs.filter(
    (run, i) => drawsData(run) && runs.findIndex((other) => dataOf(other) === dataOf(run)) === i,
  );
  const rest = runs.filter((run) => !firsts.includes(run));
  const jobOfData = new Map<string, string>();
  for (const run of firsts) jobOfData.set(dataOf(run), await submitOne(sweep, run, [], options));
  // Runs whose data a job in the queue is drawing wait for it too.
  for (const { run, job } of all)
    if (job && drawsData(run) && !jobOfData.has(dataOf(run))) jobOfData.set(dataOf(run), job.id);
  const after = (run: SweepRun) => [jobOfData.get(dataOf(run)) ?? []].flat();
  if (options.slurm.array === false || rest.length < 2) {
    for (const run of rest) await submitOne(sweep, run, after(run), options);
  } else await submitArray(sweep, rest, [...new Set(rest.flatMap(after))], options);
}

async function submitOne(
  sweep: Sweep,
  run: SweepRun,
  after: readonly string[],
  { slurm, command }: SlurmSweepOptions,
): Promise<string> {
  const book = new JobBook(sweep);
  const path = await book.file(`${book.nameOf(run)}.sh`);
  const script = batchScript(
    {
      name: `${sweep.name}: ${run.name}`,
      folder: process.cwd(),
      output: resolve(book.output(run)),
      command,
      runs: { directory: run.directory },
      after,
    },
    slurm,
  );
  await writeWhole(path, script);
  const id = await submit(path);
  await book.submitted(run, id);
  return id;
}

async function submitArray(
  sweep: Sweep,
  runs: readonly SweepRun[],
  after: readonly string[],
  { slurm, command }: SlurmSweepOptions,
): Promise<void> {
  const book = new JobBook(sweep);
  const list = await book.file('array.txt');
  // A list of its own for each submission: the tasks of a former one may still be waiting to read theirs.
  const past = (await readFile(list, 'utf8').catch(() => '')).split('\n').filter(Boolean);
  const offset = past.length;
  await writeWhole(list, `${[...past, ...runs.map(({ directory }) => directory)].join('\n')}\n`);
  const script = batchScript(
    {
      name: sweep.name,
      folder: process.cwd(),
      output: resolve(await book.file('array-%a.out')),
      command,
      runs: { list: resolve(list), count: runs.length },
      after,
    },
    slurm,
  ).replace(/^(#SBATCH --array=)0-(\d+)/m, (_, start, end) => `${start}${offset}-${offset + Number(end)}`);
  const path = await book.file('array.sh');
  await writeWhole(path, script);
  const id = await submit(path);
  for (const [i, run] of runs.entries()) await book.submitted(run, `${id}_${offset + i}`);
}

const dataOf = ({ config }: SweepRun) => config.data.dir;

/** Whether a run finds its built-in data not there yet. */
function drawsData({ config }: SweepRun): boolean {
  return config.data.source !== 'tfrecord' && !existsSync(join(config.data.dir, 'dataset.json'));
}
