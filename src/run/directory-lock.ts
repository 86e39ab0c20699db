import { spawnSync } from 'node:child_process';
import { readFileSync, renameSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { RunError } from '../errors/index.ts';
import { makeFolder, writing } from '../files/index.ts';

/** Name of the file in a directory that says who holds it. */
export const lockName = '.lock';

/** A process that holds a directory. */
export interface LockHolder {
  readonly host: string;
  readonly pid: number;
  /** Start of the process, so that a process number that was given out again is not taken for the old one. */
  readonly started: string;
  /** Number of its Slurm job, where it is in one: then the queue knows whether it is still there. */
  readonly job?: string | undefined;
}

export interface LockOptions {
  /** Takes the lock of a process on another machine away, and is told what that was. @default refused */
  readonly onBreak?: ((what: string) => void) | undefined;
}

/**
 * A directory that one process has for itself. A lock whose process was killed holds nobody off: on this machine its
 * process is looked for, of another machine the Slurm queue is asked. What nobody can tell counts as alive.
 */
export class DirectoryLock {
  /** Those of this process: however it ends, short of a kill, it leaves none behind. */
  static readonly #held = new Set<DirectoryLock>();

  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * @param directory made when it is not there
   * @throws {RunError} when another process holds it, or it cannot be written
   */
  static async acquire(directory: string, options: LockOptions = {}): Promise<DirectoryLock> {
    return writing(directory, async () => {
      await makeFolder(directory);
      await takeLock(directory, options);
      const lock = new DirectoryLock(directory);
      if (DirectoryLock.#held.size === 0) process.on('exit', DirectoryLock.#releaseAll);
      DirectoryLock.#held.add(lock);
      return lock;
    });
  }

  static readonly #releaseAll = () => {
    for (const lock of DirectoryLock.#held) lock.release();
  };

  /** Lets other processes in again, and leaves no directory behind in which nothing was written. */
  release(): void {
    DirectoryLock.#held.delete(this);
    if (DirectoryLock.#held.size === 0) process.off('exit', DirectoryLock.#releaseAll);
    rmSync(join(this.#directory, lockName), { force: true });
    try {
      rmdirSync(this.#directory);
    } catch {
      // Not empty.
    }
  }
}

/** The process that holds a directory at this moment, undefined when there is none. */
export function lockHolder(directory: string): LockHolder | undefined {
  const holder = readHolder(join(directory, lockName));
  return holder && isAlive(holder) ? holder : undefined;
}

async function takeLock(directory: string, { onBreak }: LockOptions): Promise<void> {
  const path = join(directory, lockName);
  const own: LockHolder = {
    host: hostname(),
    pid: process.pid,
    started: processStatus(process.pid)?.started ?? '',
    job: process.env.SLURM_JOB_ID,
  };
  for (let attempt = 0; attempt < 3; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(own), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const holder = await readSettled(path);
    if (holder && isAlive(holder)) {
      const who = described(holder);
      const elsewhere = holder.host !== hostname();
      if (!elsewhere || !onBreak) {
        const advice = elsewhere
          ? `; if it is no more, --break-lock takes its lock away (or delete ${path})`
          : '';
        throw new RunError(`${directory}: in use by ${who}${advice}`);
      }
      onBreak(`${path}: taken away from ${who}`);
      rmSync(path, { force: true });
      continue;
    }
    await removeStale(path);
  }
  throw new RunError(`${directory}: another process takes it at the same moment`);
}

/** Removes the lock of a process that is gone, but not that of one that has taken its place in the meantime. */
async function removeStale(path: string): Promise<void> {
  // Looked at again under a name that no other process removes.
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw error;
  }
  const holder = await readSettled(aside);
  if (holder && isAlive(holder)) renameSync(aside, path);
  else rmSync(aside);
}

/** A lock that cannot be read is being written at this moment, or a kill has cut it off; time tells which. */
async function readSettled(path: string): Promise<LockHolder | undefined> {
  const holder = readHolder(path);
  if (holder) return holder;
  await wait(100);
  return readHolder(path);
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockHolder;
  } catch {
    return undefined;
  }
}

function isAlive(holder: LockHolder): boolean {
  // A process on another machine (a shared file system) cannot be looked for. Its job can: a job is never at two places.
  if (holder.host !== hostname()) {
    if (holder.job === undefined) return true;
    return holder.job !== process.env.SLURM_JOB_ID && jobRuns(holder.job);
  }
  const status = processStatus(holder.pid);
  if (status) return status.started === holder.started && !status.ended;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Milliseconds for which an answer of the queue holds: whoever waits for a lock looks at it often. */
const answerHolds = 30_000;
const answers = new Map<string, { readonly until: number; readonly runs: boolean }>();

/** Whether a Slurm job has processes: a job that waits, or that the queue knows no more, has none. */
function jobRuns(job: string): boolean {
  const known = answers.get(job);
  if (known && known.until > Date.now()) return known.runs;
  const { status, stdout, stderr } = spawnSync('squeue', ['--noheader', `--jobs=${job}`, '--format=%T'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  const state = stdout?.trim();
  const gone = status === 0 ? state === '' || state === 'PENDING' : /invalid job id/i.test(stderr ?? '');
  answers.set(job, { until: Date.now() + answerHolds, runs: !gone });
  return !gone;
}

function described({ pid, host, job }: LockHolder): string {
  return `process ${pid} on ${host}${job === undefined ? '' : `, Slurm job ${job}`}`;
}

interface ProcessStatus {
  /** Clock ticks from boot to its start. */
  readonly started: string;
  /** A zombie: its parent has not asked how it ended, and may never do so. */
  readonly ended: boolean;
}

/** Known on Linux; undefined elsewhere and for no such process. */
function processStatus(pid: number): ProcessStatus | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Fields 3 and 22; the name in field 2 may itself hold blanks and brackets.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { started: fields[19]!, ended: fields[0] === 'Z' || fields[0] === 'X' };
  } catch {
    return undefined;
  }
}
