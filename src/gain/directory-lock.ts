import { readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { RunError } from '../errors/index.ts';
import { writing } from './writing.ts';

/** Name of the file in a directory that says who holds it. */
export const lockName = '.lock';

/** A process that holds a directory. */
export interface LockHolder {
  readonly host: string;
  readonly pid: number;
  /** Start of the process, so that a process number that was given out again is not taken for the old one. */
  readonly started: string;
}

/** A directory that one process has for itself. A lock whose process was killed holds nobody off. */
export class DirectoryLock {
  readonly #directory: string;

  private constructor(directory: string) {
    this.#directory = directory;
  }

  /**
   * @param directory made when it is not there
   * @throws {RunError} when another process holds it, or it cannot be written
   */
  static async acquire(directory: string): Promise<DirectoryLock> {
    return writing(directory, async () => {
      await mkdir(directory, { recursive: true });
      takeLock(directory);
      return new DirectoryLock(directory);
    });
  }

  /** Lets other processes in again, and leaves no directory behind in which nothing was written. */
  release(): void {
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

function takeLock(directory: string): void {
  const path = join(directory, lockName);
  const own: LockHolder = { host: hostname(), pid: process.pid, started: processStart(process.pid) ?? '' };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(own), { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const holder = readHolder(path);
      if (holder && isAlive(holder)) {
        const elsewhere = holder.host === hostname() ? '' : `; if it is no more, delete ${path}`;
        throw new RunError(`${directory}: in use by process ${holder.pid} on ${holder.host}${elsewhere}`);
      }
      // Its process was killed: nobody holds it.
      rmSync(path, { force: true });
    }
  }
  throw new RunError(`${directory}: another process takes it at the same moment`);
}

function readHolder(path: string): LockHolder | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as LockHolder;
  } catch {
    return undefined;
  }
}

function isAlive(holder: LockHolder): boolean {
  // A process on another machine (a shared file system) cannot be asked: it counts as alive.
  if (holder.host !== hostname()) return true;
  const started = processStart(holder.pid);
  if (started !== undefined) return started === holder.started;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Clock ticks from boot to the start of a process, on Linux; undefined elsewhere and for no such process. */
function processStart(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // Field 22; the name in field 2 may itself hold blanks and brackets.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
