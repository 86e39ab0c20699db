import { UsageError } from '../../errors/index.ts';

/** Images that a page has brought, as the network takes them; the oldest are let go of. */
export class ImageStore {
  readonly #mostBytes: number;
  readonly #images = new Map<string, { readonly name: string; readonly pixels: Float32Array }>();
  #bytes = 0;
  #next = 1;

  constructor(mostBytes = 128 * 2 ** 20) {
    this.#mostBytes = mostBytes;
  }

  /** @returns the id by which it is asked for */
  add(name: string, pixels: Float32Array): string {
    const id = `upload:${this.#next++}`;
    this.#images.set(id, { name, pixels });
    this.#bytes += pixels.byteLength;
    for (const [oldest, { pixels: gone }] of this.#images) {
      if (this.#bytes <= this.#mostBytes || oldest === id) break;
      this.#images.delete(oldest);
      this.#bytes -= gone.byteLength;
    }
    return id;
  }

  /** @throws {UsageError} for one that is not held */
  get(id: string): { readonly name: string; readonly pixels: Float32Array } {
    const found = this.#images.get(id);
    if (!found) throw new UsageError(`${id}: this image is no longer held; bring it once more`);
    return found;
  }
}
