import type { Override } from '../config/index.ts';

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
  const short = (key: string) => key.split('.').slice(-2).join('.');
  const keys = Object.keys(grid);
  return keys.map((key) => {
    const ambiguous = keys.some((other) => other !== key && short(other) === short(key));
    return grid[key]!.map((value, i) => {
      const from = where(['grid', key, i]);
      const shown = typeof value === 'string' ? value : JSON.stringify(value);
      return { name: `${ambiguous ? key : short(key)}=${shown}`, set: [{ key, value, from }], from };
    });
  });
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
