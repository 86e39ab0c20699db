import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { appendFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { RunError } from '../errors/index.ts';

/** The files of one training run; layout in docs/run-directory.md. */
export class RunDirectory {
  readonly path: string;
  readonly #lock: string;

  private constructor(path: string, lock: string) {
    this.path = path;
    this.#lock = lock;
  }

  /**
   * Opens a run directory for this process alone.
   *
   * @param path made when it is not there.
   * @param mode `new`: refuse a directory that holds a run; `resume`: need one; `overwrite`: empty it.
   * @throws {RunError} when another process holds it, or it does not fit the mode.
   */
  static async open(path: string, mode: 'new' | 'resume' | 'overwrite'): Promise<RunDirectory> {
    await mkdir(path, { recursive: true });
    const directory = new RunDirectory(path, acquireLock(path));
    const holdsRun = (await readdir(path)).includes('config.yaml');
    if (mode === 'new' && holdsRun) {
      directory.release();
      throw new RunError(
        `${path}: holds a run already: --resume continues it, --run DIR puts this one elsewhere, --overwrite deletes it`,
      );
    }
    if (mode === 'resume' && !holdsRun) {
      directory.release();
      throw new RunError(`${path}: nothing to resume: it holds no run`);
    }
    if (mode === 'overwrite') {
      for (const entry of await readdir(path)) {
        if (entry !== lockName) await rm(join(path, entry), { recursive: true, force: true });
      }
    }
    return directory;
  }

  /** Path of a file of the run. */
  file(...parts: string[]): string {
    return join(this.path, ...parts);
  }

  /** Writes a whole file, so that a reader sees the old one or the new one and never a half. */
  async write(name: string, content: string | Uint8Array): Promise<void> {
    const target = this.file(name);
    const temporary = `${target}.tmp`;
    await mkdir(join(target, '..'), { recursive: true });
    await writeFile(temporary, content);
    await rename(temporary, target);
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.write(name, `${JSON.stringify(value, null, 2)}\n`);
  }

  /** Adds one JSON line to a file. */
  async appendLine(name: string, value: object): Promise<void> {
    await appendFile(this.file(name), `${JSON.stringify(value)}\n`);
  }

  /**
   * Drops the lines that were written after a checkpoint: those whose `step` is larger, and a last line that a
   * kill cut in half. A resumed run writes them again.
   */
  async truncateLines(name: string, step: number): Promise<void> {
    const text = await readFile(this.file(name), 'utf8').catch(() => '');
    const kept = text.split('\n').filter((line) => {
      try {
        return (JSON.parse(line) as { step?: number }).step! <= step;
      } catch {
        return false;
      }
    });
    await this.write(name, kept.map((line) => `${line}\n`).join(''));
  }

  /** Lets other processes in again. */
  release(): void {
    rmSync(this.#lock, { force: true });
  }
}

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
        throw new RunError(`${directory}: in use by process ${holder.pid} on ${holder.host}`);
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
