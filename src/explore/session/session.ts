import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type PredictedMasks, readImageBytes, readImageFile, readPredictedMasks } from '../../data/index.ts';
import { type EngineName, startEngine } from '../../engine/index.ts';
import { DataError, UsageError } from '../../errors/index.ts';
import { grey, topImages, unitImages } from '../../explain/index.ts';
import {
  findNetwork,
  loadNetwork,
  type NetworkSource,
  openTrainedNetwork,
  type TrainedNetwork,
} from '../../run/index.ts';
import { look, networkView } from '../look/index.ts';
import { drawnMasksFile } from '../masks/index.ts';
import type { Finding, OpenedView, Thumbnail, TopImage } from '../messages.ts';
import { Examples, type ListedExample, type ShownExample } from './examples.ts';
import { findingsOf } from './findings.ts';
import { ImageStore } from './image-store.ts';
import type { SessionJob } from './jobs.ts';
import { likenessOf } from './likeness.ts';
import { thumbnailOf } from './thumbnails.ts';

/** Images of more pixels are refused before they are decoded. */
export const MOST_UPLOADED_PIXELS = 64e6;

export interface SessionOptions {
  readonly source: NetworkSource;
  /** @default that of the run */
  readonly data?: string | undefined;
  /** A folder of image files, for a network without a data set. */
  readonly images?: string | undefined;
  readonly engine: EngineName | 'auto';
  readonly threads?: number | undefined;
}

/** What a page begins with, and what stays on this machine: where things lie. */
export interface SessionView extends Omit<OpenedView, 'data'> {
  readonly data: (NonNullable<OpenedView['data']> & { readonly dir: string }) | null;
  /** How images of another shape are brought to the size of the network. */
  readonly fit: 'squash' | 'crop';
  /** Folder of the run. */
  readonly runDir: string | null;
}

/** An image at hand. */
export interface ImageView {
  readonly id: string;
  readonly name: string;
  readonly pixels: Float32Array;
  readonly labels: readonly number[] | null;
  readonly split: string | null;
  /** Its number in the split. */
  readonly index: number | null;
  readonly masks: ShownExample['masks'];
}

const endings = /\.(jpe?g|png|webp|gif|tiff?|avif)$/i;

/** A network that is open, with the images that it may be shown. It lives in a process of its own. */
export class Session {
  readonly #networks = new Map<number, TrainedNetwork>();
  readonly #engine: string;
  readonly #examples: Examples | null;
  /** Paths of the image files; a page names them by their number. */
  readonly #files: readonly string[];
  readonly #uploads = new ImageStore();
  #drawn: { readonly stamp: string; readonly masks: PredictedMasks['masks'] } | undefined;

  private constructor(
    network: TrainedNetwork,
    engine: string,
    examples: Examples | null,
    files: readonly string[],
  ) {
    this.#networks.set(0, network);
    this.#engine = engine;
    this.#examples = examples;
    this.#files = files;
  }

  /**
   * Starts the engine and opens the network.
   *
   * @throws as `openTrainedNetwork` does; {DataError} when the data set or folder that was named is not there
   */
  static async open({ source, data, images, engine, threads }: SessionOptions): Promise<Session> {
    const found = await findNetwork(source, data);
    const started = await startEngine({ engine, ...(threads !== undefined && { threads }) });
    const network = await loadNetwork(found);
    const dir = network.dataDir;
    if (data !== undefined && network.data === null) {
      throw new DataError(`${data}: it holds no data set (there is no dataset.json)`);
    }
    const examples = dir !== null && network.data !== null ? await Examples.open(dir, network) : null;
    const files = images === undefined ? [] : await imagesIn(images);
    return new Session(network, started.reason, examples, files);
  }

  async close(): Promise<void> {
    await this.#examples?.dataset.close();
  }

  /** @throws {GainError} whatever the user can mend */
  async run(job: SessionJob, signal?: AbortSignal): Promise<unknown> {
    switch (job.kind) {
      case 'view':
        return this.view();
      case 'look': {
        const { pixels } = await this.#image(job.image);
        return look(this.#network(job.network), pixels, job.look, { signal });
      }
      case 'image':
        return this.#image(job.image);
      case 'upload':
        return this.#upload(job.bytes, job.name);
      case 'list': {
        const listed = await this.#of(job.split);
        return { total: listed.length, examples: listed.slice(job.from, job.from + job.count) };
      }
      case 'labels':
        return this.#of(job.split);
      case 'thumbnails':
        return this.#thumbnails(job.images, job.side);
      case 'scan':
        return this.#scan(job);
      case 'tops':
        return this.#tops(job, signal);
      case 'likeness': {
        const { pixels } = await this.#image(job.image);
        return { distance: await likenessOf(this.#network(0), pixels, job.at) };
      }
      case 'adopt':
        if (!this.#networks.has(job.network)) {
          this.#networks.set(job.network, await openTrainedNetwork({ run: job.run }));
        }
        return {};
    }
  }

  view(): SessionView {
    const network = this.#network(0);
    const info = this.#examples?.dataset.info;
    return {
      network: networkView(network),
      engine: this.#engine,
      notes: network.notes,
      run: network.run === null ? null : network.name,
      data: info
        ? {
            name: info.name,
            multiLabel: info.multiLabel,
            splits: Object.entries(info.splits).map(([name, { examples }]) => ({ name, examples })),
            trained: network.config?.data.splits.train ?? [],
            dir: this.#dataset().dataset.dir,
          }
        : null,
      fit: network.fit,
      runDir: network.run,
      files: this.#files.map((path) => path.split(/[\\/]/).at(-1)!),
    };
  }

  #network(index: number): TrainedNetwork {
    const network = this.#networks.get(index);
    if (!network) throw new UsageError(`there is no network ${index}`);
    return network;
  }

  #dataset(): Examples {
    if (!this.#examples) throw new UsageError('there is no data set: --data DIR names one');
    return this.#examples;
  }

  async #of(split: string): Promise<ListedExample[]> {
    return this.#dataset().list(split);
  }

  async #image(id: string): Promise<ImageView> {
    if (id.startsWith('upload:')) {
      return { id, ...this.#uploads.get(id), labels: null, split: null, index: null, masks: [] };
    }
    if (id.startsWith('file:')) {
      const path = this.#files[Number(id.slice(5))];
      if (path === undefined) throw new UsageError(`there is no image ${JSON.stringify(id)}`);
      const { imageSize, fit, channels } = this.#network(0);
      const pixels = await readImageFile(path, imageSize, fit);
      const name = path.split(/[\\/]/).at(-1)!;
      return {
        id,
        name,
        pixels: channels === 1 ? grey(pixels) : pixels,
        labels: null,
        split: null,
        index: null,
        masks: [],
      };
    }
    const { masks, ...example } = await this.#dataset().read(id);
    return { ...example, masks };
  }

  async #upload(bytes: Uint8Array, name: string): Promise<ImageView> {
    const { imageSize, fit, channels } = this.#network(0);
    const colours = await readImageBytes(bytes, name, imageSize, fit, MOST_UPLOADED_PIXELS);
    const pixels = channels === 1 ? grey(colours) : colours;
    return {
      id: this.#uploads.add(name, pixels),
      name,
      pixels,
      labels: null,
      split: null,
      index: null,
      masks: [],
    };
  }

  async #thumbnails(ids: readonly string[], side: number): Promise<{ thumbnails: Thumbnail[] }> {
    const { imageSize } = this.#network(0);
    const thumbnails: Thumbnail[] = [];
    for (const id of ids) {
      const { pixels } = await this.#image(id);
      thumbnails.push(await thumbnailOf(id, pixels, imageSize, side));
    }
    return { thumbnails };
  }

  async #scan({ split, from, count, network }: Extract<SessionJob, { kind: 'scan' }>) {
    const examples: ShownExample[] = [];
    const data = this.#dataset();
    for await (const example of data.walk(split, from, count)) examples.push(example);
    const drawn = await this.#drawnMasks();
    const findings: Finding[] =
      examples.length === 0
        ? []
        : await findingsOf(this.#network(network), examples, (id, c) => {
            const mask = drawn?.get(id);
            if (!mask?.confidence.has(c)) return undefined;
            return mask.classes.map((value) => Number(value === c + 1));
          });
    const total = (await data.list(split)).length;
    return { findings, done: Math.min(total, from + examples.length), total };
  }

  async #tops(
    { layer, channel, split, count, limit }: Extract<SessionJob, { kind: 'tops' }>,
    signal: AbortSignal | undefined,
  ): Promise<{ of: number; top: readonly TopImage[] }> {
    const network = this.#network(0);
    const images = await unitImages(this.#dataset().dataset.dir, network, {
      batchSize: 16,
      splits: [split],
      limit,
    });
    const { filters } = await topImages(network.model, images.batches, {
      targetLayer: layer,
      filters: [channel],
      top: count,
      imageSize: network.imageSize,
      signal,
    });
    return { of: images.count, top: filters[0]!.top };
  }

  /** What people have drawn; read again when the file is another one. */
  async #drawnMasks(): Promise<PredictedMasks['masks'] | undefined> {
    const { imageSize, fit } = this.#network(0);
    const path = drawnMasksFile(this.#dataset().dataset.dir, imageSize, fit);
    const file = await stat(path).catch(() => undefined);
    if (!file) return undefined;
    // Each change gives the name to a new file.
    const stamp = `${file.ino} ${file.mtimeMs} ${file.size}`;
    if (this.#drawn?.stamp !== stamp) {
      this.#drawn = { stamp, masks: (await readPredictedMasks(path)).masks };
    }
    return this.#drawn.masks;
  }
}

async function imagesIn(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch((cause: Error) => {
    throw new DataError(`${dir}: cannot be read: ${cause.message}`, { cause });
  });
  return names
    .filter((name) => endings.test(name))
    .sort()
    .map((name) => join(dir, name));
}
