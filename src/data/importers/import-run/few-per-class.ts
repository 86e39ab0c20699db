import { UsageError } from '../../../errors/index.ts';
import { randomFor } from '../../../random/index.ts';
import { rarestClasses } from './deal-out.ts';
import type { ImportItem } from './import-examples.ts';
import type { TellNote } from './import-notes.ts';

/**
 * Keeps so many images of each class in the training splits (those whose names begin with `train`), drawn by a seed;
 * the other splits stay whole. The draw is nested: the images of a smaller number are among those of a larger one.
 *
 * An image with several classes counts for the rarest of them in its split. The items keep their order.
 *
 * @param classes their names, for the note
 * @param tell is told of a class that has fewer images
 */
export function fewPerClass(
  items: readonly ImportItem[],
  count: number,
  seed: number,
  classes: readonly string[],
  tell: TellNote,
): ImportItem[] {
  if (!(Number.isInteger(count) && count > 0)) {
    throw new UsageError(`the number of images per class must be a positive integer, not ${count}`);
  }
  const surplus = new Set<ImportItem>();
  const training = new Set(items.map(({ split }) => split).filter((split) => split.startsWith('train')));
  for (const split of training) {
    const drawn = randomFor(seed, 'per class', split).shuffle(items.filter((item) => item.split === split));
    const strata = rarestClasses(drawn);
    const found = new Map<number, number>();
    for (const [i, item] of drawn.entries()) {
      const before = found.get(strata[i]!) ?? 0;
      if (before >= count) surplus.add(item);
      found.set(strata[i]!, before + 1);
    }
    for (const [index, images] of [...found].sort(([a], [b]) => a - b)) {
      if (images >= count) continue;
      tell(
        'classes with fewer images than --per-class',
        `${split}, ${classes[index] ?? 'no class'}: ${images}`,
      );
    }
  }
  return items.filter((item) => !surplus.has(item));
}

/**
 * Keeps so many images of each split, taken from its classes in turn, so that a small number still holds them all where
 * it can. Within a class the first are kept; an image with several classes counts for the rarest of them in its split.
 */
export function limitEach(items: readonly ImportItem[], limit: number): ImportItem[] {
  if (!(Number.isInteger(limit) && limit > 0)) {
    throw new UsageError(`the limit must be a positive integer, not ${limit}`);
  }
  const kept = new Set<ImportItem>();
  for (const split of new Set(items.map((item) => item.split))) {
    const members = items.filter((item) => item.split === split);
    const strata = rarestClasses(members);
    const queues = new Map<number, ImportItem[]>();
    for (const [i, item] of members.entries()) {
      const queue = queues.get(strata[i]!);
      if (queue) queue.push(item);
      else queues.set(strata[i]!, [item]);
    }
    const inTurn = [...queues].sort(([a], [b]) => a - b).map(([, queue]) => queue);
    for (let turn = 0, left = limit; left > 0 && inTurn.some((queue) => queue.length > turn); turn++) {
      for (const queue of inTurn) {
        const item = queue[turn];
        if (item && left-- > 0) kept.add(item);
      }
    }
  }
  return items.filter((item) => kept.has(item));
}
