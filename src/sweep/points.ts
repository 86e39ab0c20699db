import type { Override } from '../config/index.ts';
import { type Random, randomFor } from '../random/index.ts';
import type { SweepFile } from './schema.ts';

/** A place in the grid: what it is called, and what it sets. */
export interface Point {
  readonly name: string;
  readonly set: readonly Exclude<Override, string>[];
  /** Where the name stands, for messages. */
  readonly from: string;
}

/**
 * The axes of a grid, each a list of points named `KEY=VALUE`. KEY is the end of the dotted key, two words of it;
 * the whole where two axes would be called the same.
 */
export function gridPoints(
  grid: Readonly<Record<string, readonly unknown[]>>,
  where: (path: readonly (string | number)[]) => string,
): Point[][] {
  const keys = Object.keys(grid);
  return keys.map((key) =>
    grid[key]!.map((value, i) => {
      const from = where(['grid', key, i]);
      return { name: named(key, value, keys), set: [{ key, value, from }], from };
    }),
  );
}

/** `KEY=VALUE`, KEY by its last two words where no other key has the same. */
function named(key: string, value: unknown, keys: readonly string[]): string {
  const short = (one: string) => one.split('.').slice(-2).join('.');
  const ambiguous = keys.some((other) => other !== key && short(other) === short(key));
  const shown = typeof value === 'string' ? value : JSON.stringify(value);
  return `${ambiguous ? key : short(key)}=${shown}`;
}

/**
 * Random points, named by their values. Point i depends on the seed and on i alone, so that more of them leave the
 * first as they are. Numbers have three digits: what a name shows is what was run. A point that was drawn before is
 * drawn again.
 */
export function randomPoints(
  { random: count, seed, from }: NonNullable<SweepFile['points']>,
  where: (path: readonly (string | number)[]) => string,
): Point[] {
  const keys = Object.keys(from);
  const known = new Set<string>();
  const points: Point[] = [];
  for (let i = 0; points.length < count && i < 100 * count; i++) {
    const random = randomFor('points', seed, i);
    const set = keys.map((key) => ({
      key,
      value: drawn(random, from[key]!),
      from: where(['points', 'from', key]),
    }));
    const name = set.map(({ key, value }) => named(key, value, keys)).join(', ');
    if (known.has(name)) continue;
    known.add(name);
    points.push({ name, set, from: where(['points']) });
  }
  return points;
}

type Range = NonNullable<SweepFile['points']>['from'][string];

function drawn(random: Random, range: Range): unknown {
  if (Array.isArray(range)) return random.pick(range);
  const { min, max, scale, integer } = range;
  const value =
    scale === 'log' ? Math.exp(random.uniform(Math.log(min), Math.log(max))) : random.uniform(min, max);
  if (integer) return Math.min(max, Math.max(min, Math.round(value)));
  return Math.min(max, Math.max(min, Number(value.toPrecision(3))));
}

/** Every combination of one point of each axis, the last axis running fastest; of no axes, one point that sets nothing. */
export function product(axes: readonly (readonly Point[])[]): Point[] {
  return axes.reduce<Point[]>(
    (points, axis) =>
      points.flatMap((point) =>
        axis.map(({ name, set, from }) => ({
          name: point.name === '' ? name : `${point.name}, ${name}`,
          set: [...point.set, ...set],
          from,
        })),
      ),
    [{ name: '', set: [], from: '' }],
  );
}
