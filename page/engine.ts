import type { LookAnswers, LookJob, NetworkView } from '../src/explore/core.ts';

/** An image at hand, as the network takes it. */
export interface ShownImage {
  readonly id: string;
  readonly name: string;
  /** [H·W·c] from 0 to 1. */
  readonly pixels: Float32Array;
  /** Classes that it shows; null where that is not known. */
  readonly labels: readonly number[] | null;
  readonly split: string | null;
  /** Its number in the split. */
  readonly index: number | null;
  readonly masks: readonly { readonly class: number; readonly mask: Uint8Array }[];
}

/** What answers the questions of the room "Look": a server, or the visitor's own browser. */
export interface Engine {
  readonly network: NetworkView;
  /** What computes, in a few words. */
  readonly description: string;
  /** Images that lie ready, by id and name. */
  readonly gallery: readonly { readonly id: string; readonly name: string }[];
  /** A picture that was dropped, pasted or taken. */
  bring(picture: Blob, name: string): Promise<ShownImage>;
  open(id: string): Promise<ShownImage>;
  /** @param network 0, or the number of one that has learned from it */
  look<K extends LookJob['kind']>(
    image: ShownImage,
    job: Extract<LookJob, { kind: K }>,
    options?: { readonly network?: number; readonly signal?: AbortSignal },
  ): Promise<LookAnswers[K]>;
}
