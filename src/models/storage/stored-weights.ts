import { ModelError } from '../../errors/index.ts';

/** One array of numbers of a file. */
export interface StoredWeight {
  readonly name: string;
  readonly shape: readonly number[];
  /** Decodes the numbers; they are asked for once. */
  values(): Float32Array | Int32Array;
}

/** The weights of a file by name; each is to be used once. */
export class StoredWeights {
  readonly #file: string;
  readonly #all = new Map<string, StoredWeight>();
  readonly #used = new Set<string>();

  /** @throws {ModelError} when two weights have one name */
  constructor(file: string, weights: Iterable<StoredWeight>) {
    this.#file = file;
    for (const weight of weights) {
      if (this.#all.has(weight.name)) {
        throw new ModelError(`${file}: there are two weights called "${weight.name}"`);
      }
      this.#all.set(weight.name, weight);
    }
  }

  /** Takes the first of several names that is there and has not been taken. */
  take(names: readonly string[]): StoredWeight | undefined {
    const name = names.find((one) => this.#all.has(one) && !this.#used.has(one));
    if (name === undefined) return undefined;
    this.#used.add(name);
    return this.#all.get(name);
  }

  /** The only weight whose name ends so and has not been taken. */
  takeEnding(ending: string): StoredWeight | undefined {
    const names = this.names().filter((name) => name.endsWith(`/${ending}`) && !this.#used.has(name));
    return names.length === 1 ? this.take(names) : undefined;
  }

  names(): string[] {
    return [...this.#all.keys()];
  }

  /** The number of numbers of the largest weight. */
  largest(): number {
    return Math.max(0, ...[...this.#all.values()].map(({ shape }) => shape.reduce((a, b) => a * b, 1)));
  }

  unused(): string[] {
    return this.names().filter((name) => !this.#used.has(name));
  }

  /** @throws {ModelError} when weights are left that no layer reads */
  expectAllUsed(): void {
    const left = this.unused();
    if (left.length === 0) return;
    const shown = left
      .slice(0, 5)
      .map((name) => `"${name}"`)
      .join(', ');
    throw new ModelError(
      `${this.#file}: there are ${left.length} weights that no layer reads: ${shown}${left.length > 5 ? ', …' : ''}`,
    );
  }
}
