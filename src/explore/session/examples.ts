import { type Dataset, openDataset } from '../../data/index.ts';
import { UsageError } from '../../errors/index.ts';
import { grey } from '../../explain/index.ts';

/** An image of a data set, as the network takes it, with what is known of it. */
export interface ShownExample {
  readonly id: string;
  readonly name: string;
  readonly split: string;
  /** Its number in the split. */
  readonly index: number;
  /** [H·W·c] */
  readonly pixels: Float32Array;
  readonly labels: readonly number[];
  /** True masks: [H·W] of 0 and 1, by class. */
  readonly masks: readonly { readonly class: number; readonly mask: Uint8Array }[];
}

/** A line of the list of a split. */
export interface ListedExample {
  readonly id: string;
  readonly name: string;
  readonly labels: readonly number[];
  readonly masks: number;
}

export interface ImageForm {
  readonly imageSize: readonly [number, number];
  readonly fit: 'squash' | 'crop';
  readonly channels: 1 | 3;
}

/** The images of a data set, by their ids, in any order. */
export class Examples {
  readonly dataset: Dataset;
  readonly #form: ImageForm;
  /** Where each image is, for the splits that were asked for. */
  readonly #places = new Map<string, readonly [split: string, index: number]>();
  readonly #listed = new Map<string, Promise<ListedExample[]>>();

  private constructor(dataset: Dataset, form: ImageForm) {
    this.dataset = dataset;
    this.#form = form;
  }

  /** @throws {DataError} when the data set is missing or damaged */
  static async open(dir: string, form: ImageForm): Promise<Examples> {
    return new Examples(await openDataset(dir), form);
  }

  /** @throws {UsageError} for a split that there is not */
  async list(split: string): Promise<ListedExample[]> {
    let listed = this.#listed.get(split);
    if (!listed) {
      listed = this.#list(split);
      this.#listed.set(split, listed);
    }
    return listed;
  }

  async #list(split: string): Promise<ListedExample[]> {
    const labels = await this.dataset.labels(split);
    return labels.map(({ id, filename, labels: classes, masks }, i) => {
      this.#places.set(id, [split, i]);
      return { id, name: filename || id, labels: classes, masks };
    });
  }

  /** Where an image is; every split is looked through for one that is not known yet. */
  async placeOf(id: string): Promise<readonly [split: string, index: number]> {
    const shard = id.split('#')[0]!;
    for (const [split, { shards }] of Object.entries(this.dataset.info.splits)) {
      if (shards.includes(shard)) await this.list(split);
    }
    const place = this.#places.get(id);
    if (!place) throw new UsageError(`${this.dataset.info.name}: it has no image ${JSON.stringify(id)}`);
    return place;
  }

  /** @throws {UsageError} for an image that there is not; {DataError} for one that cannot be read */
  async read(id: string): Promise<ShownExample> {
    const [split, index] = await this.placeOf(id);
    for await (const example of this.walk(split, index, 1)) return example;
    throw new UsageError(`${this.dataset.info.name}: it has no image ${JSON.stringify(id)}`);
  }

  /** Some images of a split, in their order. */
  async *walk(split: string, from: number, count: number): AsyncGenerator<ShownExample> {
    const { imageSize, fit, channels } = this.#form;
    const listed = await this.list(split);
    const size = imageSize[0] * imageSize[1];
    // A batch begins where the last one ended: only a multiple of its size can be gone to.
    const batchSize = from % count === 0 ? count : 1;
    const options = {
      batchSize,
      imageSize,
      fit,
      masks: 'all' as const,
      workers: 0,
      prefetch: 0,
      skipBatches: from / batchSize,
    };
    let at = from;
    for await (const batch of this.dataset.batches(split, options)) {
      for (let sample = 0; sample < batch.size && at < from + count; sample++, at++) {
        const pixels = batch.images.slice(sample * size * 3, (sample + 1) * size * 3);
        const { id, name, labels } = listed[at]!;
        yield {
          id,
          name,
          split,
          index: at,
          pixels: channels === 1 ? grey(pixels) : pixels,
          labels,
          masks: batch.masks.flatMap((mask) =>
            mask.sample === sample ? [{ class: mask.class, mask: Uint8Array.from(mask.mask) }] : [],
          ),
        };
      }
      if (at >= from + count) return;
    }
  }
}
