import { type Fingerprint, hashDistance, likeness } from './perceptual-hash.ts';

/** An image of which the fingerprint is known. */
export interface Fingerprinted {
  id: string;
  filename: string;
  split: string;
  print: Fingerprint;
}

/** Two images of different splits that look the same. */
export interface Leak {
  a: Fingerprinted;
  b: Fingerprinted;
  /** Bits of the hash, of 112, that differ. */
  distance: number;
  /** Correlation of the thumbnails. */
  likeness: number;
}

/** With at most so many bits of difference at least one of the seven words of a hash is the same. */
const MOST_BITS = 6;
/** Two trousers of Fashion-MNIST reach .994; a copy that was scaled or compressed anew stays above .997. */
const LEAST_LIKENESS = 0.995;
/** Images of one word of a hash that are compared with each other; drawn pictures can share a word by thousands. */
const MOST_COMPARED = 2000;

export interface NearDuplicates {
  leaks: Leak[];
  /** Comparisons that were left out, because too many images share a part of their hash. */
  notCompared: number;
}

/**
 * Finds images that lie in two splits, as they are or scaled, compressed, or a little brighter: pairs whose hashes differ
 * in at most 6 of 112 bits and whose thumbnails correlate with at least .995. An image of one colour is like no other.
 *
 * Two candidates share one of the seven words of their hash (pigeonhole), so that not all pairs are compared.
 */
export function nearDuplicates(images: readonly Fingerprinted[]): NearDuplicates {
  const leaks = new Map<string, Leak>();
  let notCompared = 0;
  for (let word = 0; word < 7; word++) {
    const buckets = new Map<number, Fingerprinted[]>();
    for (const image of images) {
      if (image.print.thumbnail.every((value) => value === 0)) continue;
      const key = image.print.hash[word]!;
      const bucket = buckets.get(key);
      if (bucket) bucket.push(image);
      else buckets.set(key, [image]);
    }
    for (const bucket of buckets.values()) {
      const compared = bucket.slice(0, MOST_COMPARED);
      notCompared += bucket.length - compared.length;
      for (const [i, a] of compared.entries()) {
        for (let j = i + 1; j < compared.length; j++) {
          const b = compared[j]!;
          if (a.split === b.split) continue;
          const distance = hashDistance(a.print.hash, b.print.hash);
          if (distance > MOST_BITS) continue;
          const alike = likeness(a.print.thumbnail, b.print.thumbnail);
          if (alike >= LEAST_LIKENESS) leaks.set(`${a.id} ${b.id}`, { a, b, distance, likeness: alike });
        }
      }
    }
  }
  return { leaks: [...leaks.values()].sort((a, b) => b.likeness - a.likeness), notCompared };
}
