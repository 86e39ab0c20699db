import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { promisify } from 'node:util';
import { RunError } from '../../errors/index.ts';

const run = promisify(execFile);

/** A job as the queue has it. */
export interface QueuedJob {
  /** 12, or 12_3 for a task of an array. */
  readonly id: string;
  /** PENDING, RUNNING, COMPLETING … */
  readonly state: string;
  /** Why it waits, or the nodes that it is on. */
  readonly where: string;
  readonly used: string;
  readonly left: string;
}

/** How often the controller was asked, for whoever wants to know what load that is. */
export const calls = { squeue: 0, sbatch: 0, other: 0 };

/**
 * The caller's jobs that are waiting, running or just ending: one question for all of them.
 *
 * @throws {RunError} when there is no Slurm, or it does not answer
 */
export async function queuedJobs(): Promise<Map<string, QueuedJob>> {
  calls.squeue++;
  const { username } = userInfo();
  const said = await ask('squeue', [
    '--noheader',
    '--array',
    `--user=${username}`,
    '--format=%i|%T|%R|%M|%L',
  ]);
  const jobs = said.split('\n').flatMap((line): QueuedJob[] => {
    const [id, state, where, used, left] = line.trim().split('|');
    return left === undefined ? [] : [{ id: id!, state: state!, where: where!, used: used!, left }];
  });
  return new Map(jobs.map((job) => [job.id, job]));
}

/** @returns the job's number */
export async function submit(script: string): Promise<string> {
  calls.sbatch++;
  const said = await ask('sbatch', ['--parsable', script]);
  // ID or ID;CLUSTER
  return said.trim().split(';')[0]!;
}

export async function cancel(ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  calls.other++;
  await ask('scancel', ids);
}

/** Puts the job that this process is, or another, into the queue again. */
export async function requeue(id: string): Promise<void> {
  calls.other++;
  await ask('scontrol', ['requeue', id]);
}

/**
 * How a job that has left the queue ended, as far as Slurm still knows: accounting keeps it for good, the controller
 * for some minutes (`MinJobAge`).
 *
 * @returns for example `CANCELLED by 0` or `TIMEOUT`; undefined where neither knows the job
 */
export async function endOf(id: string): Promise<string | undefined> {
  calls.other++;
  const accounted = await ask('sacct', ['-X', '-n', '-P', '-j', id, '-o', 'State,ExitCode']).catch(() => '');
  const [state, code] = accounted.trim().split('\n').at(-1)!.split('|');
  if (state) return described(state, code);
  // Tasks that were cancelled before they began are known by their array alone.
  for (const name of new Set([id, id.split('_')[0]!])) {
    const shown = await ask('scontrol', ['--oneliner', 'show', 'job', name]).catch(() => '');
    const found = /\bJobState=(\S+)/.exec(shown)?.[1];
    if (found) return described(found, /\bExitCode=(\S+)/.exec(shown)?.[1]);
  }
  return undefined;
}

const described = (state: string, code: string | undefined) =>
  code && code !== '0:0' ? `${state}, exit code ${code}` : state;

/** @throws {RunError} saying what Slurm said */
async function ask(program: string, args: readonly string[]): Promise<string> {
  try {
    const { stdout } = await run(program, [...args], { maxBuffer: 1 << 26, timeout: 120_000 });
    return stdout;
  } catch (cause) {
    const { code, stderr, message } = cause as NodeJS.ErrnoException & { stderr?: string };
    if (code === 'ENOENT')
      throw new RunError(`${program}: no such program: there is no Slurm here`, { cause });
    throw new RunError(`${program}: ${(stderr || message).trim().split('\n').at(-1)}`, { cause });
  }
}
