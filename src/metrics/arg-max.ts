/**
 * Index of the largest of some values, the first where several are.
 *
 * @param first where the values begin
 * @param count how many there are
 * @returns counted from `first`
 */
export function argMax(values: ArrayLike<number>, first = 0, count = values.length - first): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[first + i]! > values[first + best]!) best = i;
  return best;
}

/** The index of the largest value of each row. */
export function argMaxRows(values: ArrayLike<number>, columns: number): number[] {
  return Array.from({ length: values.length / columns }, (_, row) => argMax(values, row * columns, columns));
}
