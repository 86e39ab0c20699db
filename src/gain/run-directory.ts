import { existsSync, readFileSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { appendFile, mkdir, readdir, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import { GainError, RunError } from '../errors/index.ts';

/**
 * The files of one training run; layout in docs/run-directory.md.
 *
 * A directory holds a run from the moment that its `config.yaml` is there.
 */
export class RunDirectory {
  readonly path: string;
  readonly #lock: string;
  readonly #overwrite: boolean;

  private constructor(path: string, lock: string, overwrite: boolean) {
    this.path = path;
    this.#lock = lock;
    this.#overwrite = overwrite;
  }

  /**
   * Opens a run directory for this process alone.
   *
   * @param path made when it is not there.
   * @param mode `new`: refuse a directory that holds a run; `resume`: need one; `overwrite`: empty it in `begin`.
   * @throws {RunError} when another process holds it, it does not fit the mode, or it cannot be written.
   */
  static async open(path: string, mode: 'new' | 'resume' | 'overwrite'): Promise<RunDirectory> {
    if (mode === 'resume') requireRun(path);
    const lock = await writing(path, async () => {
      await mkdir(path, { recursive: true });
      return acquireLock(path);
    });
    if (mode === 'new' && holdsRun(path)) {
      rmSync(lock, { force: true });
      throw new RunError(
        `${path}: holds a run already: --resume continues it, --run DIR puts this one elsewhere, --overwrite deletes it`,
      );
    }
    return new RunDirectory(path, lock, mode === 'overwrite');
  }

  /** To be called when the run can begin: only now is what the directory held deleted, in mode `overwrite`. */
  async begin(): Promise<void> {
    if (!this.#overwrite) return;
    await writing(this.path, async () => {
      // The config first: from then on there is no run, and a kill leaves no half of one.
      await rm(this.file(configName), { force: true });
      for (const entry of await readdir(this.path)) {
        if (entry !== lockName) await rm(this.file(entry), { recursive: true, force: true });
      }
    });
  }

  /** Path of a file of the run. */
  file(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Writes a whole file, so that a reader sees the old one or the new one and never a half. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    const target = this.file(name);
    await writing(target, async () => {
      await mkdir(dirname(target), { recursive: true });
      const fresh = `${target}.tmp`;
      try {
        await writeFile(fresh, content, { flush: true });
        await rename(fresh, target);
      } finally {
        await rm(fresh, { force: true });
      }
    });
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.write(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Adds one JSON line to a file. */
  async appendLine(name: string, value: object): Promise<void> {
    await writing(this.file(name), () => appendFile(this.file(name), `${JSON.stringify(value)}\n`));
  }

  /** Size of a file in bytes, 0 where there is none. */
  async size(name: string): Promise<number> {
    return stat(this.file(name)).then(
      ({ size }) => size,
      () => 0,
    );
  }

  /** Cuts a file back to its first bytes; a file of 0 bytes is deleted. */
  async cut(name: string, bytes: number): Promise<void> {
    const path = this.file(name);
    await writing(path, async () => {
      if (bytes === 0) await rm(path, { force: true });
      else if ((await this.size(name)) > bytes) await truncate(path, bytes);
    });
  }

  /** Lets other processes in again, and leaves no directory behind in which nothing was written. */
  release(): void {
    rmSync(this.#lock, { force: true });
    try {
      rmdirSync(this.path);
    } catch {
      // Not empty.
    }
  }
}

/** Does what writes to `path`, and makes a {@link RunError} that names it of what the system refuses. */
export async function writing<Result>(path: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    if (cause instanceof GainError) throw cause;
    throw new RunError(`${path}: cannot be written: ${(cause as Error).message}`, { cause });
  }
}

/** @throws {RunError} when a directory holds no run that could be resumed. */
export function requireRun(path: string): void {
  if (!holdsRun(path)) throw new RunError(`${path}: nothing to resume: it holds no run`);
}

/** Whether a directory holds a run, finished or not. */
export function holdsRun(path: string): boolean {
  return existsSync(join(path, configName));
}

/** The process that works in a run directory at this moment, undefined when there is none. */
export function runHolder(path: string): Pick<LockHolder, 'host' | 'pid'> | undefined {
  const holder = readHolder(join(path, lockName));
  return holder && isAlive(holder) ? holder : undefined;
}

const configName = 'config.yaml';
const lockName = '.lock';

interface LockHolder {
  readonly host: string;
  readonly pid: number;
  /** Start of the process, so that a process number that was given out again is not taken for the old one. */
  readonly started: string;
}

function acquireLock(directory: string): string {
  const path = join(directory, lockName);
  const own: LockHolder = { host: hostname(), pid: process.pid, started: processStart(process.pid) ?? '' };
  for (let attempt = 0; attempt < 2; attempt++) {
    try {
      writeFileSync(path, JSON.stringify(own), { flag: 'wx' });
      return path;
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
  throw new RunError(`${directory}: another process takes this run directory at the same moment`);
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
