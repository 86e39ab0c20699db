import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadConfig, stringifyConfig } from '../../config/index.ts';
import { openDataset } from '../../data/index.ts';
import { UsageError } from '../../errors/index.ts';
import { writeFolder } from '../../files/index.ts';
import { lockHolder } from '../../run/index.ts';
import type { DrawnMasks } from '../masks/index.ts';
import type { LearnView } from '../messages.ts';
import type { SessionProcess } from '../session/index.ts';
import { files, type LearnPlan, readLearning } from './learn-files.ts';
import { type LearnRequest, recipe } from './recipe.ts';

export interface LearningOptions {
  /** Folder of the run. */
  readonly run: string;
  /** Folder of the data set. */
  readonly data: string;
  readonly masks: DrawnMasks;
  /** Splits that the run was trained on: masks of other images are not learned from. */
  readonly trained: readonly string[];
  /** Names of the classes. */
  readonly classes: readonly string[];
  /** The words that start a program of this package. */
  readonly program: readonly string[];
}

/**
 * What a run has learned from masks that were drawn: a folder each in `RUN/learned`, with a child run in it. Each goes
 * on in a process of its own, whatever becomes of the page and its server; all that is known of it lies in its folder.
 */
export class Learning {
  readonly #options: LearningOptions;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: LearningOptions) {
    this.#options = options;
  }

  async list(): Promise<LearnView[]> {
    const numbers = await this.#numbers();
    const found = await Promise.all(numbers.map((number) => readLearning(this.#folder(number), number)));
    return found.filter((one) => one !== undefined);
  }

  /**
   * Begins a child run with the masks as they are now.
   *
   * @throws {UsageError} while another one is running, or when there is nothing to learn from
   */
  async begin(request: LearnRequest, by: string): Promise<LearnView> {
    const turn = this.#last.then(() => this.#begin(request, by));
    this.#last = turn.catch(() => {});
    return turn;
  }

  async #begin(request: LearnRequest, by: string): Promise<LearnView> {
    const { run, data, masks, trained, classes, program } = this.#options;
    const running = (await this.list()).find(({ state }) => state === 'learning' || state === 'auditing');
    if (running) throw new UsageError(`learning ${running.number} is not done yet`);
    const drawn = [...(await masks.all()).values()];
    const dataset = await openDataset(data);
    const base = await loadConfig(join(run, 'config.yaml'));
    const { batchSize, splits } = base.data;
    const updates = await dataset
      .countBatches(splits.train, { batchSize, imageSize: base.data.imageSize, dropRemainder: true })
      .finally(() => dataset.close());
    const shards = trained.flatMap((split) => dataset.info.splits[split]?.shards ?? []);
    const usable = drawn.filter(({ id }) => shards.includes(id.split('#')[0]!));
    const shown = new Set(usable.flatMap((mask) => [...new Set(mask.classes)].filter((value) => value > 0)));
    if (shown.size === 0) {
      throw new UsageError(
        `nothing to learn from: mark what matters in some images of ${trained.join(', ')}, which the run was trained on`,
      );
    }
    const suspects = classes.filter((_, c) => shown.has(c + 1));
    const number = Math.max(0, ...(await this.#numbers())) + 1;
    const folder = this.#folder(number);
    const masksFile = join(folder, files.masks);
    const config = recipe(base, run, masksFile, suspects, classes.length, request);
    const plan: LearnPlan = {
      by,
      at: new Date().toISOString(),
      ...request,
      classes: suspects,
      images: usable.map(({ id }) => id),
      updates: updates * request.epochs,
      program,
      run,
    };
    // The masks as they are now: what is drawn later is for the next one.
    await writeFolder(folder, [
      [files.masks, await readFile(masks.path)],
      [files.config, stringifyConfig(config)],
      [files.plan, `${JSON.stringify(plan, null, 2)}\n`],
    ]);
    await this.#start(number);
    return (await readLearning(folder, number))!;
  }

  /** @throws {UsageError} when it is not running */
  async stop(number: number): Promise<void> {
    const holder = lockHolder(this.#known(number));
    if (!holder) throw new UsageError(`learning ${number} is not running`);
    process.kill(holder.pid, 'SIGTERM');
  }

  /** Goes on with one that was stopped or failed, where it was. */
  async goOn(number: number): Promise<void> {
    if (lockHolder(this.#known(number))) throw new UsageError(`learning ${number} is running`);
    await this.#start(number);
  }

  /** Makes the network of a learning known to the session, under its number. */
  async adopt(number: number, session: Pick<SessionProcess, 'ask'>): Promise<void> {
    const run = join(this.#known(number), files.run);
    if (!existsSync(join(run, 'model'))) throw new UsageError(`learning ${number} has no network yet`);
    await session.ask({ kind: 'adopt', network: number, run });
  }

  #folder(number: number): string {
    return join(this.#options.run, 'learned', String(number));
  }

  #known(number: number): string {
    const folder = this.#folder(number);
    if (!existsSync(join(folder, files.plan))) throw new UsageError(`there is no learning ${number}`);
    return folder;
  }

  async #numbers(): Promise<number[]> {
    const names = await readdir(join(this.#options.run, 'learned')).catch(() => [] as string[]);
    return names
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .sort((a, b) => a - b);
  }

  /** @returns when it has taken its folder, or ended before it could */
  async #start(number: number): Promise<void> {
    const file = import.meta.url.endsWith('.ts') ? './learner-main.ts' : './learner-main.js';
    const script = fileURLToPath(new URL(file, import.meta.url));
    const folder = this.#folder(number);
    const child = spawn(process.execPath, [...process.execArgv, script, folder], {
      detached: true,
      stdio: 'ignore',
    });
    child.unref();
    // A minute: a busy machine starts a process slowly.
    for (let tries = 0; tries < 600; tries++) {
      if (lockHolder(folder) || child.exitCode !== null) return;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}
