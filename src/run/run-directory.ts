import { existsSync } from 'node:fs';
import { readdir, rm, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { RunError } from '../errors/index.ts';
import { appendWhole, writeJson, writeWhole, writing } from '../files/index.ts';
import { DirectoryLock, type LockOptions, lockName } from './directory-lock.ts';

/**
 * The files of one training run; layout in docs/run-directory.md.
 *
 * A directory holds a run from the moment that its `config.yaml` is there.
 */
export class RunDirectory {
  readonly path: string;
  readonly #lock: DirectoryLock;
  #overwrite: boolean;

  private constructor(path: string, lock: DirectoryLock, overwrite: boolean) {
    this.path = path;
    this.#lock = lock;
    this.#overwrite = overwrite;
  }

  /**
   * Opens a run directory for this process alone.
   *
   * @param path made when it is not there.
   * @param mode `new`: refuse a directory that holds a run; `resume`: need one; `overwrite`: empty it in `begin`.
   * @throws {RunError} when another process holds it, it holds a sweep, it does not fit the mode, or it cannot be
   * written.
   */
  static async open(
    path: string,
    mode: 'new' | 'resume' | 'overwrite',
    options: LockOptions = {},
  ): Promise<RunDirectory> {
    if (mode === 'resume') requireRun(path);
    if (existsSync(join(path, 'runs'))) {
      throw new RunError(`${path}: holds the runs of a sweep; --run DIR puts this one elsewhere`);
    }
    const lock = await DirectoryLock.acquire(path, options);
    if (mode === 'new' && holdsRun(path)) {
      lock.release();
      throw new RunError(
        `${path}: holds a run already: --resume continues it, --run DIR puts this one elsewhere, --overwrite deletes it`,
      );
    }
    await removeUnfinished(path);
    return new RunDirectory(path, lock, mode === 'overwrite');
  }

  /** To be called when the run can begin: only now is what the directory held deleted, in mode `overwrite`. */
  async begin(): Promise<void> {
    if (!this.#overwrite) return;
    this.#overwrite = false;
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
    await writeWhole(this.file(name), content);
  }

  async writeJson(name: string, value: unknown): Promise<void> {
    await writeJson(this.file(name), value);
  }

  /** Adds one JSON line to a file: all of it or nothing. */
  async appendLine(name: string, value: object): Promise<void> {
    await appendWhole(this.file(name), `${JSON.stringify(value)}\n`);
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
    this.#lock.release();
  }
}

/** Removes what a kill has left half-written. Nobody else is writing here: the lock is held. */
async function removeUnfinished(path: string): Promise<void> {
  const files = await readdir(path, { recursive: true });
  for (const file of files) {
    if (file.endsWith('.tmp')) await rm(join(path, file), { recursive: true, force: true });
  }
}

/** @throws {RunError} when a directory holds no run that could be resumed. */
export function requireRun(path: string): void {
  if (!holdsRun(path)) throw new RunError(`${path}: it holds no run (there is no config.yaml)`);
}

/** Whether a directory holds a run, finished or not. */
export function holdsRun(path: string): boolean {
  return existsSync(join(path, configName));
}

const configName = 'config.yaml';
