import { UsageError } from '../errors/index.ts';

/** A map is asked for: what in image number `sample` speaks for `class`. */
export interface Pair {
  /** Row of the batch, from 0. */
  sample: number;
  /** Column of the scores, from 0. */
  class: number;
}

/**
 * Pairs sorted into groups in which each sample occurs at most once, so that one backward pass serves a whole
 * group: the score of a sample depends on its own row alone.
 */
export interface PairGroups {
  /** Per group: Y, [B·C] row-major, 1 at the pairs of the group. */
  readonly selections: readonly Float32Array[];
  /** Per pair: its row among the rows of all groups one below the other, group · B + sample. */
  readonly rows: Int32Array;
}

export interface GroupOptions {
  /** B, the size of the batch. */
  samples: number;
  /** C, the number of scores per sample; `undefined` for one score whatever the class. */
  classes: number | undefined;
  /** Number of groups to make, the rest empty; by default as many as needed. */
  groups?: number | undefined;
}

/**
 * Sorts pairs into groups. A pair that occurs twice takes one place, so repeating one is a free way to pad.
 *
 * @throws {UsageError} when a pair is out of range, or the pairs need more groups than were fixed
 */
export function groupPairs(
  pairs: readonly Pair[],
  { samples, classes, groups: fixed }: GroupOptions,
): PairGroups {
  const width = classes ?? 1;
  const selections: Float32Array[] = [];
  const newGroup = () => selections.push(new Float32Array(samples * width));

  const taken = Array.from({ length: samples }, () => new Map<number, number>());
  const rows = Int32Array.from(pairs, (pair, i) => {
    const column = checked(pair, i, samples, classes);
    const groupOf = taken[pair.sample]!;
    const group = groupOf.get(column) ?? groupOf.size;
    groupOf.set(column, group);
    if (group === selections.length) newGroup();
    selections[group]![pair.sample * width + column] = 1;
    return group * samples + pair.sample;
  });

  if (fixed !== undefined) {
    if (!Number.isInteger(fixed) || fixed < selections.length) {
      throw new UsageError(
        `groups: the pairs name up to ${selections.length} classes of one sample and need as many groups, ` +
          `received ${fixed}`,
      );
    }
    while (selections.length < fixed) newGroup();
  }
  return { selections, rows };
}

/**
 * The column of each pair's score; 0 for all where there is one score whatever the class.
 *
 * @throws {UsageError} when a pair is out of range
 */
export function pairColumns(
  pairs: readonly Pair[],
  { samples, classes }: Pick<GroupOptions, 'samples' | 'classes'>,
): number[] {
  return pairs.map((pair, i) => checked(pair, i, samples, classes));
}

function checked(pair: Pair, i: number, samples: number, classes: number | undefined): number {
  const where = `pair ${i} { sample: ${pair.sample}, class: ${pair.class} }`;
  if (!Number.isInteger(pair.sample) || pair.sample < 0 || pair.sample >= samples) {
    throw new UsageError(
      `${where}: sample must be a whole number from 0 to ${samples - 1}, the batch holds ${samples}`,
    );
  }
  if (classes === undefined) return 0;
  if (!Number.isInteger(pair.class) || pair.class < 0 || pair.class >= classes) {
    throw new UsageError(
      `${where}: class must be a whole number from 0 to ${classes - 1}, the model scores ${classes}`,
    );
  }
  return pair.class;
}
