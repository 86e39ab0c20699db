import { UsageError } from '../../../errors/index.ts';

/**
 * Axes as numbers from 0, in the order given; no axis at all means every one.
 *
 * @param what the operation, for errors
 * @param axis one axis or several, negative ones counted from the end
 * @param rank how many axes there are
 * @throws {UsageError} for an axis that does not exist, and for one named twice: the other backends then give shapes
 *   with holes
 */
export function axesOf(what: string, axis: number | readonly number[] | undefined, rank: number): number[] {
  if (axis === undefined || axis === null) return Array.from({ length: rank }, (_, i) => i);
  const axes = [axis].flat().map((one) => {
    if (Number.isInteger(one) && one >= -rank && one < rank) return one < 0 ? one + rank : one;
    throw new UsageError(
      `${what}: axis ${one} of a tensor of rank ${rank}: expected ${rank === 0 ? 'none' : `a whole number from ${-rank} to ${rank - 1}`}`,
    );
  });
  const twice = axes.find((one, i) => axes.indexOf(one) !== i);
  if (twice !== undefined) throw new UsageError(`${what}: axes [${[axis].flat()}] name axis ${twice} twice`);
  return axes;
}

/** One axis as a number from 0. */
export function axisOf(what: string, axis: number, rank: number): number {
  return axesOf(what, axis, rank)[0]!;
}
