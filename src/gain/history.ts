/** What a training came to, epoch by epoch, in the form of tfjs's `History`. */
export interface History {
  /** The epochs that were finished, from 0. */
  readonly epoch: readonly number[];
  /** For each entry of the logs (`loss`, `acc`, a term of the loss, `val_…`) its value after each of them. */
  readonly history: Readonly<Record<string, readonly number[]>>;
}

/** Logs of epochs as a {@link History}; an entry that an epoch does not have is NaN there. */
export function historyOf(
  epochs: readonly { epoch: number; logs: Readonly<Record<string, number>> }[],
): History {
  const names = [...new Set(epochs.flatMap(({ logs }) => Object.keys(logs)))];
  return {
    epoch: epochs.map(({ epoch }) => epoch),
    history: Object.fromEntries(
      names.map((name) => [name, epochs.map(({ logs }) => logs[name] ?? Number.NaN)]),
    ),
  };
}

/**
 * The logs of an epoch as tfjs users know them: `loss`, `acc`, the terms of the loss, and what was measured on other
 * data under names that begin with `val`.
 */
export function epochLogs(
  { total, acc, ...terms }: Readonly<Record<string, number>>,
  measured: Readonly<Record<string, number>> = {},
): Record<string, number> {
  const validated = Object.entries(measured).map(([name, value]) => [
    name.startsWith('val') ? name : `val_${name}`,
    value,
  ]);
  return {
    ...(total !== undefined && { loss: total }),
    ...(acc !== undefined && { acc }),
    ...terms,
    ...Object.fromEntries(validated),
  };
}
