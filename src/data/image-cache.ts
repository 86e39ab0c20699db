/** The memory of an {@link ImageCache}, as it is handed to a worker. */
export interface SharedCache {
  addresses: Record<CacheKind, SharedArrayBuffer>;
  storage: SharedArrayBuffer;
  used: SharedArrayBuffer;
}

export type CacheKind = 'image' | 'masks';

/** What was decoded for an example: a few numbers (sizes, classes) and bytes. */
export interface CacheEntry {
  numbers: Int32Array;
  bytes: Uint8Array;
}

/** Storage is handed out in units of this many bytes, so that a 32-bit address reaches 32 GiB. */
const UNIT = 16;

/**
 * Decoded images and masks in memory that all threads share, so that a small data set is decoded once: later
 * epochs only crop and resample. What does not fit any more is decoded each time. Nothing is ever moved or
 * replaced; two threads that decode the same example at once store it twice, which is harmless.
 */
export class ImageCache {
  readonly shared: SharedCache;
  readonly #addresses: Record<CacheKind, Int32Array>;
  readonly #used: Int32Array;

  constructor(shared: SharedCache) {
    this.shared = shared;
    this.#addresses = {
      image: new Int32Array(shared.addresses.image),
      masks: new Int32Array(shared.addresses.masks),
    };
    this.#used = new Int32Array(shared.used);
  }

  /** An empty cache. Its memory is taken from the system as it fills, not at once. */
  static create(examples: number, bytes: number): ImageCache {
    return new ImageCache({
      addresses: { image: new SharedArrayBuffer(examples * 4), masks: new SharedArrayBuffer(examples * 4) },
      storage: new SharedArrayBuffer(Math.floor(bytes / UNIT) * UNIT),
      used: new SharedArrayBuffer(4),
    });
  }

  get(kind: CacheKind, example: number): CacheEntry | undefined {
    const address = Atomics.load(this.#addresses[kind], example) - 1;
    if (address < 0) return undefined;
    const start = address * UNIT;
    const [count, length] = new Int32Array(this.shared.storage, start, 2) as unknown as [number, number];
    const numbers = new Int32Array(this.shared.storage, start + 8, count);
    return { numbers, bytes: new Uint8Array(this.shared.storage, start + 8 + count * 4, length) };
  }

  put(kind: CacheKind, example: number, numbers: readonly number[], parts: readonly Uint8Array[]): void {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    const units = Math.ceil((8 + numbers.length * 4 + length) / UNIT);
    if ((Atomics.load(this.#used, 0) + units) * UNIT > this.shared.storage.byteLength) return;
    const address = Atomics.add(this.#used, 0, units);
    if ((address + units) * UNIT > this.shared.storage.byteLength) return;

    const start = address * UNIT;
    new Int32Array(this.shared.storage, start).set([numbers.length, length, ...numbers]);
    let end = start + 8 + numbers.length * 4;
    for (const part of parts) {
      new Uint8Array(this.shared.storage, end).set(part);
      end += part.length;
    }
    Atomics.store(this.#addresses[kind], example, address + 1);
  }
}
