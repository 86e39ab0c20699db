import type { Launcher } from '../launcher.ts';
import { type Outcome, performSweep } from '../perform.ts';
import type { Sweep, SweepRun } from '../sweep.ts';
import { JobBook } from './job-book.ts';
import { queuedJobs, requeue } from './queue.ts';

/** What a job knows of itself, by its environment. */
export interface JobIdentity {
  /** 12, or 12_3 for a task of an array: the name under which the queue shows it. */
  readonly id: string;
  /** The number that `scontrol requeue` takes. */
  readonly number: string;
  /** Processors of the job, which are the threads of the run. */
  readonly threads: number;
}

/** @returns undefined outside of a job */
export function thisJob(env: NodeJS.ProcessEnv = process.env): JobIdentity | undefined {
  const { SLURM_JOB_ID: number, SLURM_ARRAY_JOB_ID: array, SLURM_ARRAY_TASK_ID: task } = env;
  if (!number) return undefined;
  const id = array && task ? `${array}_${task}` : number;
  return { id, number, threads: Math.max(1, Number(env.SLURM_CPUS_PER_TASK) || 1) };
}

/**
 * Performs one run of a sweep within a job, and leaves word of how it ended.
 *
 * The signal before the time limit (and that of a preemption) makes the run write its checkpoint; the job then puts
 * itself into the queue again, and goes on where it was. A job that was cancelled does not.
 *
 * @param signal aborted by SIGTERM, SIGINT and SIGHUP
 */
export async function performInJob(
  sweep: Sweep,
  run: SweepRun,
  job: JobIdentity,
  { launcher, signal, log }: { launcher: Launcher; signal: AbortSignal; log: (line: string) => void },
): Promise<Outcome> {
  const book = new JobBook(sweep);
  await book.begins(run);
  const [outcome] = await performSweep(
    { ...sweep, runs: [run] },
    { launcher, jobs: 1, threads: job.threads, signal },
  );
  if (outcome!.status === 'missing' && signal.aborted) {
    // A job that is being cancelled is no longer RUNNING when its signal comes. Nor is one that is preempted without a
    // time of grace: that one Slurm queues again, and its next life takes this word back.
    const state = (await queuedJobs().catch(() => undefined))?.get(job.id)?.state;
    if (state === 'RUNNING') {
      log(`job ${job.id}: checkpoint written, into the queue again`);
      await requeue(job.number);
      return outcome!;
    }
    const cancelled: Outcome = {
      status: 'failed',
      code: 130,
      reason: `job ${job.id} was cancelled; a new start goes on from the last checkpoint`,
      trained: false,
    };
    await book.ended(run, job.id, cancelled);
    return cancelled;
  }
  await book.ended(run, job.id, outcome!);
  return outcome!;
}
