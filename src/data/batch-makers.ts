import type { Worker } from 'node:worker_threads';
import { DataError } from '../errors/index.ts';
import type { HostBatch } from './batch.ts';
import { type BatchTask, makeBatch, placeExample, type SampleSpec } from './batch-maker.ts';
import type { BatchSources } from './batch-sources.ts';
import type { PlaceExample } from './composites/index.ts';
import { ExampleReader, type Shard } from './example-reader.ts';
import type { ImageCache, SharedCache } from './image-cache.ts';
import type { LabelRule } from './image-example.ts';
import { startThread } from './start-thread.ts';

/** What a worker is born with. */
export interface WorkerBirth {
  rule: LabelRule;
  cache: SharedCache;
}

export type WorkerRequest = { shards: Shard[] } | { sources: BatchSources } | { id: number; task: BatchTask };

export type WorkerReply =
  | 'ready'
  | { id: number; batch: HostBatch }
  | { id: number; error: { data: boolean; message: string } };

/**
 * Those who make batches: worker threads, so that decoding goes on while the compute engine blocks the main
 * thread, or this thread when there are none. A batch is one task, made whole by one worker and handed over
 * without a copy, so that what comes out does not depend on who made it.
 */
export class BatchMakers {
  readonly #rule: LabelRule;
  readonly #cache: ImageCache;
  readonly #warn: (message: string) => void;
  readonly #local: ExampleReader;
  readonly #shards: Shard[] = [];
  readonly #sources = new Map<string, BatchSources>();
  readonly #workers: BatchWorker[] = [];
  #warned = false;
  #closed = false;
  #growing: Promise<void> = Promise.resolve();

  constructor(rule: LabelRule, cache: ImageCache, warn: (message: string) => void) {
    this.#rule = {
      classes: [...rule.classes],
      multiLabel: rule.multiLabel,
      groups: rule.groups,
      clips: rule.clips,
    };
    this.#cache = cache;
    this.#warn = warn;
    this.#local = new ExampleReader(this.#rule, cache);
  }

  addShards(shards: Shard[]): void {
    this.#shards.push(...shards);
    this.#local.addShards(shards);
    for (const worker of this.#workers) worker.addShards(shards);
  }

  addSources(sources: BatchSources): void {
    this.#sources.set(sources.id, sources);
    for (const worker of this.#workers) worker.addSources(sources);
  }

  /** Sees to it that this many workers are up; after one failed to start, no more are tried. */
  start(workers: number): Promise<void> {
    this.#growing = this.#growing.then(async () => {
      const missing = this.#warned ? 0 : workers - this.#workers.length;
      const births = Array.from({ length: Math.max(0, missing) }, () =>
        BatchWorker.start({ rule: this.#rule, cache: this.#cache.shared }),
      );
      for (const birth of await Promise.allSettled(births)) {
        if (birth.status === 'rejected') {
          this.#warnOnce(
            `data workers cannot start, decoding goes on in the main thread: ${birth.reason.message}`,
          );
          continue;
        }
        birth.value.addShards(this.#shards);
        for (const sources of this.#sources.values()) birth.value.addSources(sources);
        this.#workers.push(birth.value);
      }
    });
    return this.#growing;
  }

  /**
   * @param workers how many of those that were started may be asked; 0: made in this thread
   * @throws {DataError} as {@link makeBatch} does
   */
  async make(task: BatchTask, workers: number): Promise<HostBatch> {
    const idlest = this.#workers
      .slice(0, workers)
      .reduce<BatchWorker | undefined>(
        (best, worker) => (best && best.pending <= worker.pending ? best : worker),
        undefined,
      );
    if (!idlest) {
      const sources = task.sources === undefined ? undefined : this.#sources.get(task.sources);
      return makeBatch(this.#local, task, sources);
    }
    try {
      return await idlest.make(task);
    } catch (error) {
      if (!(error instanceof WorkerLost) || this.#closed) throw error;
      const index = this.#workers.indexOf(idlest);
      if (index >= 0) this.#workers.splice(index, 1);
      this.#warnOnce(`a data worker ended, its work goes on without it: ${error.message}`);
      return this.make(task, workers);
    }
  }

  /** Examples at the network's size, read in this thread: what composites are made from. */
  placer(spec: SampleSpec, sources: BatchSources): PlaceExample {
    return (example) => placeExample(this.#local, spec, sources, example);
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#growing;
    await Promise.all(this.#workers.splice(0).map((worker) => worker.close()));
    this.#local.close();
  }

  #warnOnce(message: string): void {
    if (!this.#warned) this.#warn(message);
    this.#warned = true;
  }
}

/** The worker is gone, for a reason that has nothing to do with the data. */
class WorkerLost extends Error {}

/** One worker thread, as seen from the main thread. It keeps the process alive only while it has work. */
class BatchWorker {
  readonly #worker: Worker;
  readonly #pending = new Map<number, { resolve(batch: HostBatch): void; reject(error: Error): void }>();
  readonly #born: Promise<void>;
  #birth: { resolve(): void; reject(error: Error): void } | undefined;
  #nextId = 0;
  #ended = false;

  private constructor(worker: Worker) {
    this.#worker = worker;
    this.#born = new Promise((resolve, reject) => {
      this.#birth = { resolve, reject };
    });
    worker.on('message', (reply: WorkerReply) => this.#receive(reply));
    worker.on('error', (error) => this.#lost(error.message));
    worker.on('exit', (code) => this.#lost(`exit code ${code}`));
  }

  /** @throws {Error} when it ends before it is ready */
  static async start(birth: WorkerBirth): Promise<BatchWorker> {
    const worker = new BatchWorker(startThread(new URL('./batch-worker', import.meta.url), birth));
    await worker.#born;
    worker.#worker.unref();
    return worker;
  }

  get pending(): number {
    return this.#pending.size;
  }

  addShards(shards: Shard[]): void {
    this.#send({ shards });
  }

  addSources(sources: BatchSources): void {
    this.#send({ sources });
  }

  make(task: BatchTask): Promise<HostBatch> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      if (this.#ended) return reject(new WorkerLost('closed'));
      if (this.#pending.size === 0) this.#worker.ref();
      this.#pending.set(id, { resolve, reject });
      this.#send({ id, task });
    });
  }

  /** From here on the worker keeps the process alive until it has ended, or the caller would wait for nothing. */
  async close(): Promise<void> {
    this.#ended = true;
    this.#worker.ref();
    await this.#worker.terminate();
  }

  #send(request: WorkerRequest): void {
    this.#worker.postMessage(request);
  }

  #receive(reply: WorkerReply): void {
    if (reply === 'ready') {
      this.#birth?.resolve();
      return;
    }
    const asked = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    // A batch that arrives while the worker is being ended must not let go of it: the process would end with code 13.
    if (this.#pending.size === 0 && !this.#ended) this.#worker.unref();
    if ('batch' in reply) asked?.resolve(reply.batch);
    else
      asked?.reject(reply.error.data ? new DataError(reply.error.message) : new Error(reply.error.message));
  }

  #lost(reason: string): void {
    this.#ended = true;
    this.#birth?.reject(new Error(reason));
    for (const { reject } of this.#pending.values()) reject(new WorkerLost(reason));
    this.#pending.clear();
  }
}
