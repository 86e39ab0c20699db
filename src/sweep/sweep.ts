import { existsSync } from 'node:fs';
import { basename, dirname, extname, join, relative, resolve } from 'node:path';
import {
  type CheckedYaml,
  type Config,
  checkedYaml,
  findConfig,
  type Override,
  parseConfig,
  readConfigFile,
} from '../config/index.ts';
import { ConfigError, nearest } from '../errors/index.ts';
import { checkedName, fileStem } from '../files/index.ts';
import { gridPoints, type Point, product, randomPoints } from './points.ts';
import { type SweepFile, sweepSchema } from './schema.ts';

/** One training of the sweep: a command line and a directory. */
export interface SweepRun {
  /** Part, setting and seed, as they are shown. */
  readonly name: string;
  /** The part of the table, '' where there is but one. */
  readonly part: string;
  /** The row of the table. */
  readonly row: string;
  readonly seed: number;
  readonly directory: string;
  /** What is laid over the base, in order; the seed last. */
  readonly set: readonly (readonly [key: string, value: unknown])[];
  /** The experiment that results. */
  readonly config: Config;
}

/** Successive halving: how rows are chosen, and for how long they go on. */
export interface Halving {
  readonly metric: string;
  readonly lower: boolean;
  readonly factor: number;
  /** Of the first rung. */
  readonly epochs: number;
}

export interface Metric {
  readonly key: string;
  readonly title: string;
  /** Shown times 100. */
  readonly percent: boolean;
}

/** A sweep file laid out: every run, and how they are compared. */
export interface Sweep {
  readonly name: string;
  /** The sweep file, and the experiment file that it varies. */
  readonly file: string;
  readonly base: string;
  /** Where everything of the sweep goes. */
  readonly out: string;
  readonly seeds: readonly number[];
  readonly parts: readonly string[];
  readonly rows: readonly string[];
  /** Config keys that settings, grid and blocks set. */
  readonly keys: readonly string[];
  /** Pairs of rows; the difference is the first less the second. */
  readonly comparisons: readonly (readonly [of: string, against: string])[];
  readonly metrics: readonly Metric[];
  readonly evaluate: SweepFile['evaluate'];
  /** Whether runs that are not finished are trained; else they are left as they are. @default true */
  readonly trains?: boolean;
  readonly commands: SweepFile['commands'];
  readonly halving: Halving | undefined;
  readonly slurm: SweepFile['slurm'];
  /** Seed by seed, so that a sweep that is half done has whole comparisons. */
  readonly runs: readonly SweepRun[];
}

/**
 * Reads the text of a sweep file by its schema alone.
 *
 * @throws {ConfigError} `file:line:column key: what was expected, what was found`, a line per problem
 */
export function parseSweep(text: string, file: string): CheckedYaml<SweepFile> {
  return checkedYaml(sweepSchema, text, file);
}

/**
 * Reads a sweep file, and checks every experiment in it.
 *
 * @param file as named, else in `configs/` or `configs/sweeps/` of the working folder
 * @param out where the sweep goes. @default runs/sweeps/<name>
 * @throws {ConfigError} `file:line:column key: what was expected, what was found`, a line per problem
 */
export async function loadSweep(file: string, out?: string): Promise<Sweep> {
  const path = findConfig(file, ['configs/sweeps']);
  return layOut(parseSweep(await readConfigFile(path), path), path, out);
}

async function layOut(
  { value: read, where }: CheckedYaml<SweepFile>,
  file: string,
  out: string | undefined,
): Promise<Sweep> {
  const name = checkedName(
    read.name ?? basename(file, extname(file)),
    `${where(['name'])} name`,
    ConfigError,
  );
  const base = findBase(read.base, file, where(['base']));
  const baseText = await readConfigFile(base);
  const root = out ?? join('runs', 'sweeps', name);

  const drawn = read.points && randomPoints(read.points, where);
  if (drawn && drawn.length < read.points!.random) {
    throw new ConfigError(
      `${where(['points', 'random'])} points.random: there are no more than ${drawn.length} different points`,
    );
  }
  const grid = [...gridPoints(read.grid, where), ...(drawn ? [drawn] : [])];
  const placed = (set: Readonly<Record<string, unknown>>, at: readonly (string | number)[]) =>
    Object.entries(set).map(([key, value]) => ({ key, value, from: where([...at, key]) }));
  const named = (list: 'settings' | 'blocks'): Point[] | undefined =>
    read[list]?.map(({ name, set }, i) => ({
      name,
      set: placed(set, [list, i, 'set']),
      from: where([list, i, 'name']),
    }));
  const common = placed(read.set, ['set']);
  const settings = named('settings');
  const blocks = named('blocks');
  const rows = settings ?? (grid.length > 0 ? product(grid) : [{ name: 'base', set: [], from: file }]);
  const parts = product([...(blocks ? [blocks] : []), ...(settings ? grid : [])]);
  for (const points of [rows, parts]) requireDistinct(points);

  const problems = new Set<string>();
  const runs = read.seeds.flatMap((seed) =>
    parts.flatMap((part) =>
      rows.flatMap((row): SweepRun[] => {
        const overrides = lastOfEach([...common, ...part.set, ...row.set]);
        const own = overrides.find(({ key }) => key === 'seed');
        if (own) problems.add(`${own.from} seed: seeds are listed under seeds`);
        try {
          const config = parseConfig(baseText, base, [
            ...overrides,
            { key: 'seed', value: seed, from: where(['seeds']) },
          ]);
          return [
            {
              name: [part.name, row.name, `seed ${seed}`].filter(Boolean).join(', '),
              part: part.name,
              row: row.name,
              seed,
              directory: join(root, 'runs', slug(part.name), slug(row.name), `seed-${seed}`),
              set: [...overrides.map(({ key, value }) => [key, value] as const), ['seed', seed] as const],
              config,
            },
          ];
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          for (const line of error.message.split('\n')) problems.add(line);
          return [];
        }
      }),
    ),
  );
  if (problems.size > 0) throw new ConfigError([...problems].join('\n'));
  if (new Set(read.seeds).size < read.seeds.length) {
    throw new ConfigError(`${where(['seeds'])} seeds: expected each once, found ${read.seeds.join(', ')}`);
  }

  const rowNames = rows.map(({ name }) => name);
  const row = (wanted: string, at: readonly (string | number)[]): string => {
    if (rowNames.includes(wanted)) return wanted;
    throw new ConfigError(`${where(at)} ${at[0]}: no row '${wanted}'${meant(wanted, rowNames)}`);
  };
  const against = read.baseline.flatMap((baseline, i) => {
    row(baseline, ['baseline', i]);
    return rowNames.filter((other) => other !== baseline).map((other) => [other, baseline] as const);
  });
  const pairs = read.compare.map(
    ([of, other], i) => [row(of, ['compare', i, 0]), row(other, ['compare', i, 1])] as const,
  );

  const splits = [...new Set(runs.flatMap(({ config }) => config.data.splits.test))];
  const sources = [...splits, 'summary', 'evaluation', ...read.commands.map(({ name }) => name)];
  const fallback = splits.length > 0 ? splits.map((split) => `${split}.accuracy`) : ['summary.best.value'];
  type Wanted = NonNullable<SweepFile['metrics']>[number];
  const wanted: readonly Wanted[] = read.metrics ?? fallback.map((key) => ({ key }));
  const metrics = wanted.map(({ key, title = key, percent = isShare(key, splits) }, i): Metric => {
    const source = key.split('.')[0]!;
    if (!sources.includes(source)) {
      throw new ConfigError(
        `${where(['metrics', i])} metrics: ${key}: nothing is called ${source}${meant(source, sources)}`,
      );
    }
    return { key, title, percent };
  });

  return {
    name,
    file,
    base,
    out: root,
    seeds: read.seeds,
    parts: parts.map(({ name }) => name),
    rows: rowNames,
    keys: [...new Set([...parts, ...rows].flatMap(({ set }) => set.map(({ key }) => key)))],
    comparisons: [...against, ...pairs],
    metrics,
    evaluate: read.evaluate,
    commands: read.commands,
    halving: read.halving && halvingOf(read.halving, splits, where),
    slurm: read.slurm,
    runs,
  };
}

/** @throws {ConfigError} for a metric of a test split, by which nothing may be chosen */
function halvingOf(
  { metric, lower = /loss$/i.test(metric), ...rest }: NonNullable<SweepFile['halving']>,
  splits: readonly string[],
  where: (path: readonly (string | number)[]) => string,
): Halving {
  const [source, split] = metric.split('.');
  if (splits.includes(source!) || (source === 'evaluation' && splits.includes(split!))) {
    throw new ConfigError(
      `${where(['halving', 'metric'])} halving.metric: ${metric} is of a test split, and rows would be chosen by it`,
    );
  }
  return { metric, lower, ...rest };
}

function findBase(base: string, file: string, from: string): string {
  const beside = resolve(dirname(file), base);
  if (!existsSync(beside)) throw new ConfigError(`${from} base: no such config file: ${beside}`);
  const within = relative(process.cwd(), beside);
  return within.startsWith('..') ? beside : within;
}

/** Whether a metric is a share in [0, 1], as those of splits and evaluations are, but for their losses. */
function isShare(key: string, splits: readonly string[]): boolean {
  const source = key.split('.')[0]!;
  return (
    !/loss$/i.test(key) &&
    (splits.includes(source) || source === 'evaluation' || key === 'summary.best.value')
  );
}

/** Of a key that is set several times, the last counts: the row's before the part's before that of all. */
function lastOfEach(overrides: readonly Exclude<Override, string>[]): Exclude<Override, string>[] {
  return overrides.filter(({ key }, i) => !overrides.slice(i + 1).some((later) => later.key === key));
}

/** A name as a step of a path; '' of the only part, which has none of its own. */
function slug(name: string): string {
  return name === '' ? '' : fileStem(name.replace(/[^\w.=+-]+/g, '-'));
}

function requireDistinct(points: readonly Point[]): void {
  points.forEach(({ name, from }, i) => {
    const former = points.slice(0, i).find((other) => slug(other.name) === slug(name));
    if (former) {
      throw new ConfigError(`${from}: '${name}' and '${former.name}' would share their run directories`);
    }
  });
}

function meant(name: string, known: readonly string[]): string {
  const [guess] = nearest(name, known);
  return guess ? `; did you mean '${guess}'?` : `; there are ${known.join(', ')}`;
}
