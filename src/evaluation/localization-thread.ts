import type { Worker } from 'node:worker_threads';
import { startThread } from '../data/index.ts';
import { isDeadMap } from '../gradcam/index.ts';
import type { Bootstrap } from '../metrics/index.ts';
import type { Calibration } from './calibration.ts';
import type { ExplainedImage } from './explained-image.ts';
import type { ExplainedBatch } from './explainer.ts';
import type { LocalizationOptions, LocatedPair } from './localization-measure.ts';
import type { LocalizationResult } from './result.ts';
import type { MeasuredPairs } from './split-records.ts';

/** What the thread is born with. */
export interface ThreadBirth {
  readonly methods: readonly string[];
  readonly calibration: Calibration;
  readonly options: Omit<LocalizationOptions, 'bootstrap'>;
  readonly bootstrap: Pick<Bootstrap, 'replicates' | 'confidence' | 'seed'>;
}

/** The images of a batch with their maps. */
export interface BatchToMeasure {
  readonly images: readonly {
    /** Position in the split. */
    readonly index: number;
    readonly pairs: readonly LocatedPair[];
  }[];
  /** [M·P·H·W] */
  readonly maps: Float32Array;
  /** [M·P] */
  readonly dead: Uint8Array;
  /** P */
  readonly pairs: number;
}

export type ThreadRequest = { readonly batch: BatchToMeasure } | 'result';

export type ThreadReply =
  | { readonly records: readonly MeasuredPairs[] }
  | { readonly result: LocalizationResult }
  | { readonly error: string };

/**
 * The localization measures of a split, in a thread of their own: while it measures the maps of one batch, the engine
 * makes those of the next. Batches are measured one after the other, in their order, so that what comes out is what
 * one thread alone would give.
 */
export class LocalizationThread {
  readonly #methods: readonly string[];
  readonly #worker: Worker;
  /** Those who wait for a reply, in the order of their questions. */
  readonly #asked: { resolve(reply: ThreadReply): void; reject(error: Error): void }[] = [];
  #lost: Error | undefined;

  constructor(methods: readonly string[], calibration: Calibration, options: LocalizationOptions) {
    const { bootstrap, ...rest } = options;
    const { replicates, confidence, seed } = bootstrap;
    const birth: ThreadBirth = {
      methods,
      calibration,
      options: rest,
      bootstrap: { replicates, confidence, seed },
    };
    this.#methods = methods;
    this.#worker = startThread(new URL('./localization-worker', import.meta.url), birth);
    this.#worker.on('message', (reply: ThreadReply) => {
      const asked = this.#asked.shift()!;
      if (this.#asked.length === 0) this.#worker.unref();
      if ('error' in reply) asked.reject(new Error(reply.error));
      else asked.resolve(reply);
    });
    this.#worker.on('error', (error) => this.#end(error));
    // It keeps the process alive only while it has work.
    this.#worker.unref();
    this.#worker.on('exit', (code) =>
      this.#end(new Error(`the measuring thread ended with exit code ${code}`)),
    );
  }

  /**
   * Adds the images of a batch.
   *
   * @returns of each image, what the records of its pairs show, by method
   */
  async addBatch(
    images: readonly Pick<ExplainedImage, 'index' | 'pairs'>[],
    explained: ExplainedBatch,
  ): Promise<readonly MeasuredPairs[]> {
    const pairs = images.reduce((sum, image) => sum + image.pairs.length, 0);
    const size = pairs === 0 ? 0 : explained.map(0, 0).length;
    const maps = new Float32Array(this.#methods.length * pairs * size);
    const dead = new Uint8Array(this.#methods.length * pairs);
    for (const m of this.#methods.keys()) {
      for (let p = 0; p < pairs; p++) {
        maps.set(explained.map(m, p), (m * pairs + p) * size);
        dead[m * pairs + p] = Number(isDeadMap(explained.smallMap(m, p)));
      }
    }
    const batch: BatchToMeasure = {
      images: images.map((image) => ({
        index: image.index,
        pairs: image.pairs.map(({ index, pair, rank, truth }) => ({ index, class: pair.class, rank, truth })),
      })),
      maps,
      dead,
      pairs,
    };
    const reply = await this.#ask({ batch }, [maps.buffer]);
    return (reply as Extract<ThreadReply, { records: unknown }>).records;
  }

  async result(): Promise<LocalizationResult> {
    const reply = await this.#ask('result');
    return (reply as Extract<ThreadReply, { result: unknown }>).result;
  }

  async close(): Promise<void> {
    // Or the process would end before the thread has.
    this.#worker.ref();
    await this.#worker.terminate();
  }

  #ask(request: ThreadRequest, buffers: ArrayBuffer[] = []): Promise<ThreadReply> {
    return new Promise((resolve, reject) => {
      if (this.#lost) return reject(this.#lost);
      if (this.#asked.push({ resolve, reject }) === 1) this.#worker.ref();
      this.#worker.postMessage(request, buffers);
    });
  }

  #end(error: Error): void {
    this.#lost ??= error;
    for (const { reject } of this.#asked.splice(0)) reject(this.#lost);
  }
}
