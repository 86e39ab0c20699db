import { existsSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { RunError } from '../../errors/index.ts';
import { appendWhole, makeFolder, readJson, writeWhole, writing } from '../../files/index.ts';
import type { Outcome } from '../perform.ts';
import type { Sweep, SweepRun } from '../sweep.ts';

/** What is known of the jobs of a sweep, in its folder: whoever looks later, on whichever machine, finds it there. */
export class JobBook {
  readonly #folder: string;
  readonly #out: string;

  constructor({ out }: Pick<Sweep, 'out'>) {
    this.#out = out;
    this.#folder = join(out, 'slurm');
  }

  /** Path of a file of the book, its folder made. */
  async file(name: string): Promise<string> {
    await writing(this.#folder, () => makeFolder(this.#folder));
    return join(this.#folder, name);
  }

  /** A name for the files of a run. */
  nameOf({ directory }: SweepRun): string {
    return relative(join(this.#out, 'runs'), directory).replaceAll(/[\\/]+/g, '_');
  }

  async submitted(run: SweepRun, job: string): Promise<void> {
    await appendWhole(await this.file('jobs.ndjson'), `${JSON.stringify({ run: this.nameOf(run), job })}\n`);
  }

  /** The last job of each run, by the run's name. */
  async jobs(): Promise<Map<string, string>> {
    const path = join(this.#folder, 'jobs.ndjson');
    if (!existsSync(path)) return new Map();
    const text = await readFile(path, 'utf8').catch((cause: Error) => {
      throw new RunError(`${path}: cannot be read: ${cause.message}`, { cause });
    });
    return new Map(
      text.split('\n').flatMap((line): [string, string][] => {
        try {
          const { run, job } = JSON.parse(line) as { run: unknown; job: unknown };
          return typeof run === 'string' && typeof job === 'string' ? [[run, job]] : [];
        } catch {
          // Cut off by a kill: the job is in the queue, and its run's lock keeps a second one out.
          return [];
        }
      }),
    );
  }

  /** Takes back what a former life of the run's job said of its end: this one may be killed without a word. */
  async begins(run: SweepRun): Promise<void> {
    await rm(await this.file(`${this.nameOf(run)}.json`), { force: true });
  }

  /** What the job itself says of its end. */
  async ended(run: SweepRun, job: string, outcome: Outcome): Promise<void> {
    await writeWhole(await this.file(`${this.nameOf(run)}.json`), `${JSON.stringify({ job, outcome })}\n`);
  }

  /** How the run's last job ended by its own word; undefined where it had none. */
  async outcome(run: SweepRun, job: string): Promise<Outcome | undefined> {
    const path = join(this.#folder, `${this.nameOf(run)}.json`);
    const said = (await readJson(path, RunError)) as { job?: unknown; outcome?: Outcome } | null | undefined;
    return said?.job === job ? said.outcome : undefined;
  }

  /** What the job said beside its run's log. */
  output(run: SweepRun): string {
    return join(this.#folder, `${this.nameOf(run)}.out`);
  }
}
