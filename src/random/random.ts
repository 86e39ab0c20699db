/** Seeded random numbers: the same on every machine, and addressable, so that nothing depends on who asks first. */
export interface Random {
  /** The next number in [0, 1). */
  next(): number;
  /** An integer in [0, n). */
  integer(n: number): number;
  /** A number in [low, high). */
  uniform(low: number, high: number): number;
  /** One of the items, all equally likely. */
  pick<T>(items: readonly T[]): T;
  /** Shuffles in place (Fisher-Yates) and returns its argument. */
  shuffle<T extends { length: number; [index: number]: unknown }>(items: T): T;
}

/**
 * The random stream of a key, e.g. `randomFor(seed, 'augment', epoch, position)`. Streams of different keys are
 * independent; the same key always starts the same stream. The generator is sfc32 (Doty-Humphrey, PractRand),
 * its state filled from the key by a 32-bit multiply-xorshift hash.
 */
export function randomFor(...key: (number | string)[]): Random {
  let [a, b, c] = [hash(key, 0x9e3779b9), hash(key, 0x243f6a88), hash(key, 0xb7e15162)];
  let counter = 1;

  const nextWord = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let warmUp = 0; warmUp < 12; warmUp++) nextWord();

  return randomFrom(() => nextWord() / 0x100000000);
}

/** What a stream of numbers in [0, 1) gives rise to. */
export function randomFrom(next: () => number): Random {
  const integer = (n: number) => Math.floor(next() * n);
  return {
    next,
    integer,
    uniform: (low, high) => low + (high - low) * next(),
    pick: (items) => items[integer(items.length)]!,
    shuffle(items) {
      for (let i = items.length - 1; i > 0; i--) {
        const j = integer(i + 1);
        const held = items[i];
        (items as { [index: number]: unknown })[i] = items[j];
        (items as { [index: number]: unknown })[j] = held;
      }
      return items;
    },
  };
}

/** Hashes a key to 32 bits. Numbers enter as all 64 bits of the double, so 1 and 1 + 2^32 differ. */
function hash(key: readonly (number | string)[], seed: number): number {
  let h = seed | 0;
  const mix = (word: number) => {
    h = Math.imul(h ^ word, 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  };
  const double = new DataView(new ArrayBuffer(8));
  for (const part of key) {
    if (typeof part === 'number') {
      double.setFloat64(0, part);
      mix(double.getInt32(0));
      mix(double.getInt32(4));
    } else {
      mix(part.length + 0x10000);
      for (let i = 0; i < part.length; i++) mix(part.charCodeAt(i));
    }
  }
  return h;
}
