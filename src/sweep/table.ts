import { join } from 'node:path';
import { readJson } from '../files/index.ts';
import type { Outcome } from './perform.ts';
import { outputOf } from './steps.ts';
import type { Metric, Sweep, SweepRun } from './sweep.ts';
import { type MeanInterval, meanAndDeviation, tInterval } from './t-interval.ts';

/** What a sweep came to; `table.json` holds it, with null for what there is nothing to measure on. */
export interface SweepTable {
  readonly name: string;
  readonly seeds: readonly number[];
  readonly metrics: readonly Metric[];
  /** Of the intervals of `differences`: Student's t over the seeds that both rows have. */
  readonly confidence: number;
  readonly parts: readonly TablePart[];
}

export interface TablePart {
  /** '' where there is but one. */
  readonly name: string;
  readonly rows: readonly TableRow[];
  readonly differences: readonly TableDifference[];
  /** Per metric that has one: what the best answer scores that does not look at the image. */
  readonly constant?: Readonly<Record<string, number>>;
}

export interface TableRow {
  readonly name: string;
  readonly runs: readonly TableRun[];
  /** Per metric, over the runs that have it; std is the sample's. */
  readonly scores: Readonly<Record<string, { mean: number; std: number; count: number }>>;
}

export interface TableRun {
  readonly seed: number;
  readonly directory: string;
  readonly status: Outcome['status'];
  /** Why it failed. */
  readonly reason?: string;
  /** Per metric; NaN where it was not measured. */
  readonly values: Readonly<Record<string, number>>;
  /** Per metric that has one: the score of a constant answer. */
  readonly constant?: Readonly<Record<string, number>>;
}

export interface TableDifference {
  readonly of: string;
  readonly against: string;
  /** Per metric: `of` less `against`, seed by seed. */
  readonly scores: Readonly<Record<string, MeanInterval>>;
}

/**
 * The table of a sweep, from the files of its runs.
 *
 * @param outcomes in the order of `sweep.runs`
 * @throws {DataError} for a file that is damaged
 */
export async function sweepTable(sweep: Sweep, outcomes: readonly Outcome[]): Promise<SweepTable> {
  const { name, seeds, metrics, comparisons } = sweep;
  const confidence = 0.95;
  const runs = await Promise.all(
    sweep.runs.map(async (run, i) => ({ run, entry: await entryOf(run, outcomes[i]!, metrics) })),
  );
  const parts = sweep.parts.map((part): TablePart => {
    const rows = sweep.rows.map((row): TableRow => {
      const own = runs.filter(({ run }) => run.part === part && run.row === row).map(({ entry }) => entry);
      return { name: row, runs: own, scores: perMetric(metrics, (key) => scoreOf(own, key)) };
    });
    const named = (wanted: string) => rows.find((row) => row.name === wanted)!;
    const differences = comparisons.map(([of, against]) => ({
      of,
      against,
      scores: perMetric(metrics, (key) => {
        const pairs = named(of).runs.map(
          ({ values }, i) => values[key]! - named(against).runs[i]!.values[key]!,
        );
        return tInterval(measured(pairs), confidence);
      }),
    }));
    const own = runs.filter(({ run }) => run.part === part).map(({ entry }) => entry);
    const constant = constantsOf(own, metrics);
    return { name: part, rows, differences, ...(Object.keys(constant).length > 0 && { constant }) };
  });
  return { name, seeds, metrics, confidence, parts };
}

async function entryOf(run: SweepRun, outcome: Outcome, metrics: readonly Metric[]): Promise<TableRun> {
  const { seed, directory } = run;
  // A run whose evaluation failed has its metrics of training all the same; an old summary does not count.
  const counts = outcome.status === 'finished' || (outcome.status === 'failed' && outcome.trained);
  const values: Record<string, number> = {};
  const constant: Record<string, number> = {};
  for (const { key } of metrics) {
    values[key] = counts ? await readMetric(directory, run, key) : Number.NaN;
    const still = counts ? await readMetric(directory, run, constantKey(key)) : Number.NaN;
    if (!Number.isNaN(still)) constant[key] = still;
  }
  return {
    seed,
    directory,
    status: outcome.status,
    ...('reason' in outcome && { reason: outcome.reason }),
    values,
    ...(Object.keys(constant).length > 0 && { constant }),
  };
}

/** Beside `test.focus.accuracy` lies `test.focus.constant.accuracy`; that of an evaluation among its `answers`. */
function constantKey(key: string): string {
  const path = key.split('.');
  const name = path.pop()!;
  const answers = path[0] === 'evaluation' && path.at(-1) === 'classification' ? ['answers'] : [];
  return [...path, ...answers, 'constant', name].join('.');
}

/** Runs of one data set agree on it; where they do not, it is their mean. */
function constantsOf(runs: readonly TableRun[], metrics: readonly Metric[]): Record<string, number> {
  return Object.fromEntries(
    metrics.flatMap(({ key }) => {
      const found = measured(runs.map(({ constant }) => constant?.[key] ?? Number.NaN));
      return found.length > 0 ? [[key, meanAndDeviation(found).mean]] : [];
    }),
  );
}

/** The number that a metric's key names in the files of a run; NaN where there is none. */
export async function readMetric(directory: string, { config }: SweepRun, key: string): Promise<number> {
  const [source, ...path] = key.split('.') as [string, ...string[]];
  let found: unknown;
  if (source === 'summary') found = await json(join(directory, 'summary.json'));
  else if ((config.data.splits.test as readonly string[]).includes(source)) {
    const summary = await json(join(directory, 'summary.json'));
    found = (summary as { metrics?: Record<string, unknown> | null } | null)?.metrics?.[source];
  } else if (source === 'evaluation')
    found = await json(join(directory, 'evaluation', `${path.shift()}.json`));
  else found = await json(outputOf(directory, source));
  for (const step of path) found = (found as Record<string, unknown> | null | undefined)?.[step];
  // Of an evaluation: a value with its interval over images.
  if (typeof found === 'object' && found !== null && 'value' in found) found = found.value;
  return typeof found === 'number' ? found : Number.NaN;
}

async function json(path: string): Promise<unknown> {
  return (await readJson(path)) ?? null;
}

function scoreOf(runs: readonly TableRun[], key: string): { mean: number; std: number; count: number } {
  const values = measured(runs.map((run) => run.values[key]!));
  return { ...meanAndDeviation(values), count: values.length };
}

function perMetric<Score>(metrics: readonly Metric[], score: (key: string) => Score): Record<string, Score> {
  return Object.fromEntries(metrics.map(({ key }) => [key, score(key)]));
}

function measured(values: readonly number[]): number[] {
  return values.filter((value) => !Number.isNaN(value));
}
