/** Sums over the batches of the epoch that is running, from which its means are made. */
export interface EpochSums {
  batches: number;
  losses: Record<string, number>;
}

export function emptySums(): EpochSums {
  return { batches: 0, losses: {} };
}

export function addTo(sums: EpochSums, losses: Readonly<Record<string, number>>): void {
  sums.batches++;
  for (const [name, value] of Object.entries(losses)) sums.losses[name] = (sums.losses[name] ?? 0) + value;
}

export function meansOf(sums: EpochSums): Record<string, number> {
  return Object.fromEntries(Object.entries(sums.losses).map(([name, sum]) => [name, sum / sums.batches]));
}
