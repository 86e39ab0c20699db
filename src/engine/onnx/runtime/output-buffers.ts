import type { Values } from '../graph/lazy-node.ts';

/** Smaller results are not worth keeping track of. */
const WORTHWHILE = 1 << 12;

/**
 * The arrays that results were written to, so that later runs write to them again: a training step then takes
 * turns between two sets of weights, instead of asking for new memory, which the system fills with zeros first.
 *
 * An array is free when no tensor and no input of the coming run holds it.
 */
export class OutputBuffers {
  readonly #used = new Set<Values>();
  #free: Values[] = [];

  /** Says which arrays are still needed; the others of earlier runs are free. */
  release(isNeeded: (values: Values) => boolean): void {
    for (const values of this.#used) {
      if (isNeeded(values)) continue;
      this.#used.delete(values);
      this.#free.push(values);
    }
  }

  /** A free array of this kind and length, or undefined. Its values are those of its last use. */
  take(like: Values['constructor'], length: number): Values | undefined {
    const at = this.#free.findIndex((values) => values.constructor === like && values.length === length);
    return at < 0 ? undefined : this.#free.splice(at, 1)[0];
  }

  /** Keeps track of a result. */
  add(values: Values): void {
    if (values.length >= WORTHWHILE) this.#used.add(values);
  }

  /** Forgets what the run did not take: what one program needs, the next one seldom does. */
  forgetFree(): void {
    this.#free = [];
  }

  clear(): void {
    this.#used.clear();
    this.#free = [];
  }
}
