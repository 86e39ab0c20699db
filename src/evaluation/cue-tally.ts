import type { Bootstrap, CueCount } from '../metrics/index.ts';
import { meanOfNumbers, withInterval } from './measured.ts';
import { pooledReplicatesOf } from './pixel-tally.ts';
import type { LocalizationScores } from './result.ts';

/** mIoU of the cues of all images, by class, with its replicates. */
export class CueTally {
  readonly #bootstrap: Bootstrap;
  readonly #cues = new Map<number, PooledRatio>();

  constructor(bootstrap: Bootstrap) {
    this.#bootstrap = bootstrap;
  }

  /**
   * @param cues of an image, from `cueCounts`
   * @param counts of the image, from the bootstrap
   */
  add(cues: readonly CueCount[], counts: Uint8Array): void {
    for (const { class: index, intersection, union } of cues) {
      let ratio = this.#cues.get(index);
      if (!ratio) {
        ratio = new PooledRatio(pooledReplicatesOf(this.#bootstrap));
        this.#cues.set(index, ratio);
      }
      ratio.add(intersection, union, counts);
    }
  }

  /** @param classes C; the background comes after them */
  scores(classes: number): Pick<LocalizationScores, 'cueMeanIou' | 'cueIouPerClass'> {
    if (this.#cues.size === 0) return { cueMeanIou: null, cueIouPerClass: null };
    const pooled = [...this.#cues.values()].filter((ratio) => ratio.value !== null);
    const replicates = Array.from({ length: pooledReplicatesOf(this.#bootstrap) }, (_, r) =>
      meanOfNumbers(pooled.map((one) => one.replicate(r))),
    );
    const value = meanOfNumbers(pooled.map((one) => one.value!));
    return {
      cueMeanIou: withInterval(this.#bootstrap, value, replicates, pooled.length),
      cueIouPerClass: Array.from({ length: classes + 1 }, (_, c) => this.#cues.get(c)?.value ?? null),
    };
  }
}

/** Intersections over unions, pooled over images, with its replicates. */
class PooledRatio {
  #intersection = 0;
  #union = 0;
  readonly #intersections: Float64Array;
  readonly #unions: Float64Array;

  constructor(replicates: number) {
    this.#intersections = new Float64Array(replicates);
    this.#unions = new Float64Array(replicates);
  }

  add(intersection: number, union: number, counts: Uint8Array): void {
    this.#intersection += intersection;
    this.#union += union;
    for (let r = 0; r < this.#unions.length; r++) {
      this.#intersections[r]! += counts[r]! * intersection;
      this.#unions[r]! += counts[r]! * union;
    }
  }

  get value(): number | null {
    return this.#union > 0 ? this.#intersection / this.#union : null;
  }

  replicate(r: number): number {
    return this.#intersections[r]! / this.#unions[r]!;
  }
}
