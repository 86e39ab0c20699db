import { join } from 'node:path';
import { DataError } from '../errors/index.ts';
import { readJson, writeWhole } from '../files/index.ts';
import type { Outcome } from './perform.ts';
import type { Halving, Sweep, SweepRun } from './sweep.ts';
import { readMetric } from './table.ts';

/** A rung that is done: what every row had, and which rows went on. Rows of each part are chosen by themselves. */
export interface Rung {
  readonly epochs: number;
  /** Mean over the seeds, by part and row; null where it could not be measured. */
  readonly scores: Readonly<Record<string, Readonly<Record<string, number | null>>>>;
  readonly kept: Readonly<Record<string, readonly string[]>>;
}

/** Performs runs: on this machine, or on a cluster. */
export type Perform = (sweep: Sweep) => Promise<Outcome[]>;

/** The epochs of the rungs: those of the first, times `factor` from one to the next, and at last the experiment's. */
export function rungEpochs({ epochs, factor }: Halving, most: number): number[] {
  const rungs: number[] = [];
  for (let length = epochs; length < most; length *= factor) rungs.push(Math.round(length));
  return [...rungs, most];
}

/**
 * Successive halving (Jamieson & Talwalkar 2016): all rows are trained for a few epochs, the best 1/`factor` of them go
 * on for `factor` times as many, and so on to the full length. A run is one directory throughout: a rung makes it
 * longer. What a rung came to is kept in `halving.json`, so that a sweep that is interrupted goes on where it was.
 *
 * @returns how each run stands, in the order of `sweep.runs`: what was left behind is `dropped`
 * @throws {DataError} when `halving.json` is damaged
 */
export async function performHalving(
  sweep: Sweep,
  halving: Halving,
  perform: Perform,
  log: (line: string) => void,
): Promise<Outcome[]> {
  const path = join(sweep.out, 'halving.json');
  const done = await readRungs(path);
  const outcomes = sweep.runs.map((): Outcome => ({ status: 'missing' }));
  const most = Math.max(...sweep.runs.map(({ config }) => config.training.epochs));
  const lengths = rungEpochs(halving, most);
  let runs = [...sweep.runs];
  for (const [i, epochs] of lengths.entries()) {
    const last = i === lengths.length - 1;
    let rung = done[i];
    if (rung === undefined || last) {
      log(`rung ${i + 1}/${lengths.length}: ${runs.length} runs of ${epochs} epochs`);
      const shortened = runs.map((run) => ofLength(run, epochs));
      const stand = await perform({ ...sweep, runs: shortened });
      runs.forEach((run, r) => {
        outcomes[sweep.runs.indexOf(run)] = stand[r]!;
      });
      // A rung is only done when nothing of it is missing; what failed or diverged has no score.
      if (last || stand.some(({ status }) => status === 'missing')) return outcomes;
      rung = await judged(sweep, halving, runs, epochs);
      done[i] = rung;
      await writeWhole(path, `${JSON.stringify(done.slice(0, i + 1), null, 2)}\n`);
    }
    const { kept } = rung;
    for (const run of runs) {
      if (kept[run.part]?.includes(run.row)) continue;
      const reason = `dropped after ${rung.epochs} epochs`;
      outcomes[sweep.runs.indexOf(run)] = { status: 'dropped', reason };
    }
    runs = runs.filter(({ part, row }) => kept[part]?.includes(row));
  }
  return outcomes;
}

async function judged(
  sweep: Sweep,
  { metric, lower, factor }: Halving,
  runs: readonly SweepRun[],
  epochs: number,
): Promise<Rung> {
  const scores: Record<string, Record<string, number | null>> = {};
  const kept: Record<string, string[]> = {};
  for (const part of new Set(runs.map((run) => run.part))) {
    const rows = [...new Set(runs.filter((run) => run.part === part).map(({ row }) => row))];
    const ofRows = await Promise.all(
      rows.map(async (row) => {
        const own = runs.filter((run) => run.part === part && run.row === row);
        const values = await Promise.all(own.map((run) => readMetric(run.directory, run, metric)));
        // A row with a run that failed or diverged cannot be compared: its mean is NaN.
        return { row, score: values.reduce((a, b) => a + b, 0) / values.length };
      }),
    );
    const better = ofRows
      .filter(({ score }) => !Number.isNaN(score))
      .sort((a, b) => (lower ? a.score - b.score : b.score - a.score));
    scores[part] = Object.fromEntries(
      ofRows.map(({ row, score }) => [row, Number.isNaN(score) ? null : score]),
    );
    const wanted = new Set(better.slice(0, Math.ceil(rows.length / factor)).map(({ row }) => row));
    kept[part] = sweep.rows.filter((row) => wanted.has(row));
  }
  return { epochs, scores, kept };
}

function ofLength(run: SweepRun, epochs: number): SweepRun {
  const set = run.set.filter(([key]) => key !== 'training.epochs');
  const training = { ...run.config.training, epochs };
  return { ...run, set: [...set, ['training.epochs', epochs]], config: { ...run.config, training } };
}

/** The sweep with the length that a rung gives its runs, for whoever performs one of them. */
export function atLength(sweep: Sweep, epochs: number): Sweep {
  return { ...sweep, runs: sweep.runs.map((run) => ofLength(run, epochs)) };
}

async function readRungs(path: string): Promise<Rung[]> {
  const found = (await readJson(path)) ?? [];
  const isRung = (one: unknown) =>
    typeof one === 'object' && one !== null && 'epochs' in one && 'kept' in one && Boolean(one.kept);
  if (!Array.isArray(found) || !found.every(isRung)) throw new DataError(`${path}: expected a list of rungs`);
  return found as Rung[];
}
