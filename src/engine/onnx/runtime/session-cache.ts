/** What the cache needs of a session: that it can be let go. */
export interface Disposable {
  dispose(): void;
}

/**
 * Keeps compiled sessions by the structure of their graph. The least recently used one is disposed of when
 * there are more than `capacity`, or when together they hold more than `maxBytes` of working memory.
 */
export class SessionCache<T extends Disposable> {
  readonly #capacity: number;
  readonly #maxBytes: number;
  readonly #entries = new Map<string, { session: T; bytes: number }>();
  #bytes = 0;

  constructor(capacity: number, maxBytes: number) {
    this.#capacity = capacity;
    this.#maxBytes = maxBytes;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The session of this structure, now the most recently used, or undefined. */
  get(key: string): T | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.session;
  }

  /** Adds a session; `bytes` is an estimate of the memory that it keeps between runs. */
  set(key: string, session: T, bytes: number): void {
    this.#entries.set(key, { session, bytes });
    this.#bytes += bytes;
    for (const [oldKey, old] of this.#entries) {
      if (this.#entries.size <= this.#capacity && this.#bytes <= this.#maxBytes) break;
      if (oldKey === key) break;
      this.#entries.delete(oldKey);
      this.#bytes -= old.bytes;
      old.session.dispose();
    }
  }

  /** Corrects the memory of a session, once it has run. */
  resize(key: string, bytes: number): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#bytes -= entry.bytes;
    this.set(key, entry.session, bytes);
  }

  clear(): void {
    for (const { session } of this.#entries.values()) session.dispose();
    this.#entries.clear();
    this.#bytes = 0;
  }
}
