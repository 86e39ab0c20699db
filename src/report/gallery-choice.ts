import type { ImageRecord } from '../evaluation/index.ts';

/** A (image, true class) pair that the gallery shows. */
export interface ChosenPair {
  readonly record: ImageRecord;
  /** Index in `record.pairs`. */
  readonly pair: number;
}

export interface GalleryGroup {
  readonly title: string;
  readonly about: string;
  readonly pairs: readonly ChosenPair[];
}

interface Candidate {
  /** Position of the record in the file. */
  readonly at: number;
  readonly pair: number;
  readonly class: number;
  readonly iou: number | undefined;
}

/**
 * Chooses pairs for the gallery: some spread evenly over the split, which show how it really is, then the best and the
 * worst by IoU of one method, no class more often than the others where there are enough of each.
 *
 * Two walks over the records, so that a split of any size takes little memory.
 *
 * @param read walks over the image records from the beginning
 * @param method whose IoU decides
 * @param count of pairs in all
 */
export async function chooseGallery(
  read: () => AsyncIterable<ImageRecord>,
  method: string,
  count: number,
): Promise<GalleryGroup[]> {
  const all: Candidate[] = [];
  let at = 0;
  for await (const { pairs } of read()) {
    pairs.forEach((pair, i) => {
      all.push({ at, pair: i, class: pair.class, iou: pair.methods[method]?.iou });
    });
    at++;
  }
  const withTruth = all.filter((candidate) => candidate.iou !== undefined);
  const evenly = evenlySpread(all, withTruth.length > 0 ? Math.ceil(count / 3) : count);
  const left = withTruth.filter((candidate) => !evenly.includes(candidate));
  const byIou = left.toSorted((a, b) => b.iou! - a.iou!);
  const hits = byIou.filter(({ iou }) => iou! >= 0.5);
  const misses = byIou.filter(({ iou }) => iou! < 0.5).reverse();
  const best = sharedOut(hits, Math.floor((count - evenly.length) / 2));
  const worst = sharedOut(misses, count - evenly.length - best.length);

  const wanted = new Set([...evenly, ...best, ...worst].map((candidate) => candidate.at));
  const records = new Map<number, ImageRecord>();
  at = 0;
  for await (const record of read()) {
    if (wanted.has(at)) records.set(at, record);
    at++;
  }
  const pairsOf = (chosen: readonly Candidate[]) =>
    chosen.map(({ at: place, pair }) => ({ record: records.get(place)!, pair }));
  const groups = [
    {
      title: 'Evenly from the split',
      about: 'Chosen by their place alone: this is what the split looks like.',
      pairs: pairsOf(evenly),
    },
    { title: 'Best', about: `Hits with the highest IoU of ${method}.`, pairs: pairsOf(best) },
    { title: 'Worst', about: `Misses with the lowest IoU of ${method}.`, pairs: pairsOf(worst) },
  ];
  return groups.filter(({ pairs }) => pairs.length > 0);
}

function evenlySpread<T>(all: readonly T[], count: number): T[] {
  const taken = Math.min(count, all.length);
  return Array.from({ length: taken }, (_, i) => all[Math.floor(((i + 0.5) * all.length) / taken)]!);
}

/** The first `count` of a sorted list, taking turns among the classes; sorted again as the list was. */
function sharedOut(sorted: readonly Candidate[], count: number): Candidate[] {
  const turns = new Map<Candidate, number>();
  const seen = new Map<number, number>();
  for (const candidate of sorted) {
    const turn = seen.get(candidate.class) ?? 0;
    turns.set(candidate, turn);
    seen.set(candidate.class, turn + 1);
  }
  const chosen = new Set(sorted.toSorted((a, b) => turns.get(a)! - turns.get(b)!).slice(0, count));
  return sorted.filter((candidate) => chosen.has(candidate));
}
