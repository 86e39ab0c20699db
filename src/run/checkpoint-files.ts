import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { RunError } from '../errors/index.ts';
import { checkedName, makeFolder, syncFolder, writeWhole, writing } from '../files/index.ts';

const indexSchema = z.object({
  last: z.string(),
  /** The one that `last` followed, for the case that `last` is damaged. */
  previous: z.string().nullable().default(null),
  best: z.string().nullable(),
});
type Index = z.infer<typeof indexSchema>;

const checksumName = 'checksums.json';
const checksumSchema = z.record(z.string(), z.string());

/**
 * The checkpoints of a run on disk: the last one, the one before it and the best one, each a folder with a checksum
 * of every file.
 *
 * A checkpoint is written under a temporary name and renamed when it is complete; `index.json`, replaced
 * atomically, then says which is which. A kill at any point leaves the ones before.
 */
export class CheckpointFiles {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /**
   * The folder of the last or best checkpoint; undefined when there is none. Where the last one was deleted, because
   * it was damaged, that is the one before it.
   *
   * @throws {RunError} when the index is damaged
   */
  async find(which: 'last' | 'best'): Promise<string | undefined> {
    const index = await this.#index();
    if (!index) return undefined;
    const names = which === 'last' ? [index.last, index.previous] : [index.best];
    const found = names.find((name) => name !== null && existsSync(join(this.path, name)));
    return found ? join(this.path, found) : undefined;
  }

  /**
   * Writes a checkpoint and makes it the last one.
   *
   * @param step that it was made after; its name
   * @param write puts its files into a folder
   * @param best whether it is also the best so far
   * @returns its folder
   * @throws {RunError} when it cannot be written; the previous ones stay
   */
  save(step: number, write: (folder: string) => Promise<void>, best: boolean): Promise<string> {
    return writing(this.path, () => this.#save(step, write, best)).catch(async (error) => {
      await this.#removeAllBut(await this.#index()).catch(() => {});
      throw error;
    });
  }

  async #save(step: number, write: (folder: string) => Promise<void>, best: boolean): Promise<string> {
    const previous = await this.#index();
    const name = unusedName(`step-${String(step).padStart(8, '0')}`, previous);
    const target = join(this.path, name);
    const temporary = join(this.path, `.writing-${name}`);
    await rm(temporary, { recursive: true, force: true });
    await makeFolder(temporary);
    await write(temporary);
    await writeWhole(join(temporary, checksumName), JSON.stringify(await checksumsOf(temporary)));
    await rm(target, { recursive: true, force: true });
    await rename(temporary, target);
    await syncFolder(this.path);

    const index: Index = {
      last: name,
      previous: previous?.last ?? null,
      best: best ? name : (previous?.best ?? null),
    };
    await writeWhole(join(this.path, 'index.json'), JSON.stringify(index));
    await this.#removeAllBut(index);
    return target;
  }

  async #removeAllBut(index: Index | undefined): Promise<void> {
    const kept = [index?.last, index?.previous, index?.best];
    for (const entry of await readdir(this.path)) {
      if (/^(\.|step-|index\.json\.)/.test(entry) && !kept.includes(entry)) {
        await rm(join(this.path, entry), { recursive: true, force: true });
      }
    }
  }

  /**
   * Looks whether a checkpoint is as it was written.
   *
   * @param folder as {@link find} gives it
   * @throws {RunError} naming the file that is not, and the checkpoint that can take its place
   */
  async verify(folder: string): Promise<void> {
    const path = join(folder, checksumName);
    // Checkpoints of version 0.1 have none.
    if (!existsSync(path)) return;
    const problem = await damageOf(folder, path);
    if (problem === undefined) return;
    const { previous, best } = (await this.#index())!;
    const other = [previous, best].find(
      (name) => name !== null && join(this.path, name) !== folder && existsSync(join(this.path, name)),
    );
    const way = other ? `; without this folder a run goes on from ${join(this.path, other)}` : '';
    throw new RunError(`${problem}${way}`);
  }

  async #index(): Promise<Index | undefined> {
    const path = join(this.path, 'index.json');
    if (!existsSync(path)) return undefined;
    try {
      const index = indexSchema.parse(JSON.parse(await readFile(path, 'utf8')));
      for (const [key, name] of Object.entries(index)) {
        if (name !== null) checkedName(name, key, RunError);
      }
      return index;
    } catch (cause) {
      const folders = (await readdir(this.path)).filter((name) => name.startsWith('step-')).join(', ');
      throw new RunError(
        `${path}: does not say which checkpoint is the last (${reasonOf(cause)}); the checkpoints here: ${folders || 'none'}. ` +
          'A file {"last": "<folder>", "best": null} puts it right',
        { cause },
      );
    }
  }
}

async function damageOf(folder: string, path: string): Promise<string | undefined> {
  let written: Record<string, string>;
  try {
    written = checksumSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  } catch (cause) {
    return `${path}: damaged: ${reasonOf(cause)}`;
  }
  let found: Record<string, string>;
  try {
    found = await checksumsOf(folder);
  } catch (cause) {
    return `${folder}: cannot be read: ${reasonOf(cause)}`;
  }
  for (const [name, checksum] of Object.entries(written)) {
    if (found[name] === undefined) return `${join(folder, name)}: is missing`;
    if (found[name] !== checksum) return `${join(folder, name)}: damaged, its checksum does not match`;
  }
  return undefined;
}

/** SHA-256 of the files of a folder, by name. */
async function checksumsOf(folder: string): Promise<Record<string, string>> {
  const names = (await readdir(folder)).filter((name) => name !== checksumName).sort();
  const sums = names.map(async (name) => {
    const bytes = await readFile(join(folder, name));
    return [name, createHash('sha256').update(bytes).digest('hex')] as const;
  });
  return Object.fromEntries(await Promise.all(sums));
}

function reasonOf(cause: unknown): string {
  return cause instanceof z.ZodError ? z.prettifyError(cause).split('\n')[0]! : (cause as Error).message;
}

/** A name that the index does not use: what it points to is never touched, even when a step is saved twice. */
function unusedName(name: string, index: Index | undefined): string {
  const taken = [index?.last, index?.previous, index?.best].includes(name);
  return taken ? unusedName(`${name}-again`, index) : name;
}
