import { UsageError } from '../../../errors/index.ts';
import { randomFor } from '../../../random/index.ts';
import type { ImportItem } from './import-examples.ts';

/**
 * Deals items out to new splits with the given shares, stratified by class: of each class every split gets its
 * share, to within one or two images, so that a small split (`train-fullsup`) holds them all where it can.
 *
 * An image with several classes counts for the rarest of them. The items are grouped by class, in a seeded order
 * within the group, and each in turn goes to the split that lies furthest behind its share. What the shares leave
 * over is left out.
 *
 * @returns the items of each split in a seeded order
 */
export function dealOut(
  items: readonly ImportItem[],
  fractions: Readonly<Record<string, number>>,
  seed: number,
): ImportItem[] {
  const shares = Object.entries(fractions);
  const sum = shares.reduce((total, [, share]) => total + share, 0);
  if (shares.length === 0 || shares.some(([, share]) => !(share > 0)) || sum > 1 + 1e-9) {
    throw new UsageError(
      `the fractions of the splits must be positive and sum to at most 1, not ${JSON.stringify(fractions)}`,
    );
  }
  const order = randomFor(seed, 'splits').shuffle(Array.from(items.keys()));
  const strata = rarestClasses(items);
  const grouped = order.toSorted((a, b) => strata[a]! - strata[b]!);

  const rest = 1 - sum > 1e-9 ? [1 - sum] : [];
  const targets = [...shares.map(([, share]) => share), ...rest];
  const dealt = targets.map(() => 0);
  const splitOf = new Map<number, number>();
  for (const [done, item] of grouped.entries()) {
    const behind = targets.map((share, split) => share * (done + 1) - dealt[split]!);
    const split = behind.indexOf(Math.max(...behind));
    dealt[split]!++;
    splitOf.set(item, split);
  }
  return shares.flatMap(([split], index) =>
    order.filter((item) => splitOf.get(item) === index).map((item) => ({ ...items[item]!, split })),
  );
}

/** Of each item the class that fewest items hold; -1 where it has none. */
export function rarestClasses(items: readonly ImportItem[]): number[] {
  const counts: number[] = [];
  for (const { labels } of items) for (const label of labels) counts[label] = (counts[label] ?? 0) + 1;
  return items.map(({ labels }) =>
    labels.reduce((rarest, label) => (rarest < 0 || counts[label]! < counts[rarest]! ? label : rarest), -1),
  );
}
