import { existsSync } from 'node:fs';
import { duration, type Progress, startProgress } from '../progress/index.ts';
import { logOf, type Outcome } from './perform.ts';
import { tail } from './run-state.ts';
import type { Sweep, SweepRun } from './sweep.ts';

/** Milliseconds between two looks at the logs of what is running. */
const lookEvery = 1000;

/**
 * How far a sweep is, on stderr: a line for each run that begins or ends, and between them a bar (on a terminal) or
 * now and then a line, with the time left by the epochs that are left. Epochs are read off the logs of the runs.
 */
export class GridProgress {
  readonly #runs: readonly SweepRun[];
  readonly #stream: NodeJS.WriteStream;
  readonly #progress: Progress;
  readonly #timer: NodeJS.Timeout;
  readonly #started = Date.now();
  /** Epochs done when this process began: the speed is that of the others. */
  readonly #before: number;
  readonly #total: number;
  readonly #running = new Map<SweepRun, { readonly since: number; epochs: number }>();
  readonly #done: Set<SweepRun>;

  private constructor(
    runs: readonly SweepRun[],
    done: readonly SweepRun[],
    before: number,
    stream: NodeJS.WriteStream,
  ) {
    this.#runs = runs;
    this.#done = new Set(done);
    this.#before = before;
    this.#total = Math.ceil(sum(runs.map(epochsIn)) - before);
    this.#stream = stream;
    this.#progress = startProgress('sweep', this.#total, { stream, lineEvery: 30 });
    this.#timer = setInterval(() => void this.#look(), lookEvery);
  }

  /** @param done runs that need nothing more */
  static async start(
    { runs }: Sweep,
    done: readonly SweepRun[],
    stream: NodeJS.WriteStream = process.stderr,
  ): Promise<GridProgress> {
    const epochs = runs.map((run) => (done.includes(run) ? epochsIn(run) : epochsDone(run)));
    return new GridProgress(runs, done, sum(await Promise.all(epochs)), stream);
  }

  begin(run: SweepRun): void {
    this.#running.set(run, { since: Date.now(), epochs: 0 });
  }

  end(run: SweepRun, outcome: Outcome): void {
    if (this.#done.has(run)) return;
    const since = this.#running.get(run)?.since ?? Date.now();
    this.#running.delete(run);
    this.#done.add(run);
    const what =
      outcome.status === 'failed'
        ? outcome.reason
        : `${outcome.status} in ${duration((Date.now() - since) / 1000)}`;
    this.#progress.line(`[${this.#done.size}/${this.#runs.length}]  ${run.name}: ${what}`);
    this.#draw();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#progress.stop();
  }

  async #look(): Promise<void> {
    for (const [run, state] of this.#running) state.epochs = await epochsDone(run);
    this.#draw();
  }

  #draw(): void {
    const running = [...this.#running];
    const done = sum([...this.#done].map(epochsIn)) + sum(running.map(([, { epochs }]) => epochs));
    const now = Math.max(0, done - this.#before);
    const runs = `${this.#done.size}/${this.#runs.length} runs`;
    const each = running.map(([run, { epochs }]) => `${run.name} ${Math.floor(epochs)}/${epochsIn(run)}`);
    if (this.#stream.isTTY) {
      this.#progress.update(now, [runs, ...each].join('  '));
      return;
    }
    const seconds = (Date.now() - this.#started) / 1000;
    const left = now > 0 ? `, ${duration((seconds * (this.#total - now)) / now)} left` : '';
    this.#progress.update(
      Math.ceil(now),
      `epochs  ${runs}${left}${each.length > 0 ? `: ${each.join('; ')}` : ''}`,
    );
  }
}

function epochsIn({ config }: SweepRun): number {
  return config.training.epochs;
}

/** Epochs that a run has done, with the part of the one that it is in, as far as its log says. */
export async function epochsDone(run: SweepRun): Promise<number> {
  const said = existsSync(run.directory) ? await tail(logOf(run), 4096) : '';
  const [, epoch, epochs, batch, batches] =
    [...said.matchAll(/^epoch (\d+)\/(\d+): (?:(\d+)\/(\d+)\b)?/gm)].at(-1) ?? [];
  // `epoch 3/10: loss …` is said at its end, `epoch 3/10: 40/90  …` within it.
  if (!epoch || Number(epochs) !== epochsIn(run)) return 0;
  return batches ? Number(epoch) - 1 + Number(batch) / Number(batches) : Number(epoch);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
