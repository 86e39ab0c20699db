type Callback = (...parameters: unknown[]) => void;

/**
 * Runs the event loop of Dawn by hand, so that a value can be read from the GPU without `await`.
 *
 * Dawn's Node binding answers asynchronous calls in a callback that it gives to `setImmediate`, and looks that
 * function up anew each time. During such a call this class hands out a `setImmediate` of its own that remembers the
 * callback: the event loop will call it as always, but `turn` can do so before.
 */
export class EventPump {
  #pending: Callback | null = null;

  /** Calls `start`, which begins an asynchronous operation of Dawn. */
  watch<T>(start: () => T): T {
    const { setImmediate } = globalThis;
    globalThis.setImmediate = ((callback: Callback) => {
      this.#pending = callback;
      return setImmediate(() => this.turn());
    }) as typeof setImmediate;
    try {
      return start();
    } finally {
      globalThis.setImmediate = setImmediate;
    }
  }

  /** Lets Dawn look once for what has finished; does nothing when nothing is under way. */
  turn(): void {
    const callback = this.#pending;
    this.#pending = null;
    if (callback) this.watch(callback);
  }

  get isIdle(): boolean {
    return this.#pending === null;
  }
}
