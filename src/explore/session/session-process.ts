import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import {
  ConfigError,
  DataError,
  EngineError,
  type GainError,
  InterruptedError,
  ModelError,
  RunError,
  UsageError,
} from '../../errors/index.ts';
import { unpack } from '../packing.ts';
import type { SessionJob } from './jobs.ts';
import type { SessionOptions, SessionView } from './session.ts';

export type ToSession =
  | { readonly id: number; readonly open: SessionOptions }
  | { readonly id: number; readonly job: SessionJob }
  | { readonly cancel: number };

export type FromSession =
  | { readonly id: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly id: number; readonly error: { readonly typed: string | null; readonly message: string } };

/** An answer as it goes to the page: packed. */
export type Answered = Uint8Array<ArrayBuffer>;

interface Waiting {
  readonly id: number;
  readonly message: Exclude<ToSession, { cancel: number }>;
  readonly soon: boolean;
  readonly resolve: (bytes: Answered) => void;
  readonly reject: (error: unknown) => void;
}

const errors: Readonly<Record<string, new (message: string) => GainError>> = {
  ConfigError,
  DataError,
  EngineError,
  InterruptedError,
  ModelError,
  RunError,
  UsageError,
};

/**
 * A session in a process of its own, so that neither the page nor its server waits while the engine computes. Jobs
 * wait in a queue: what a person waits for comes before what is computed ahead. A job that nobody waits for any more is
 * taken out, or told to end.
 */
export class SessionProcess {
  readonly #options: SessionOptions;
  #child: ChildProcess | undefined;
  readonly #queue: Waiting[] = [];
  #running: Waiting | undefined;
  #next = 1;
  #closed = false;

  private constructor(options: SessionOptions) {
    this.#options = options;
  }

  /** @throws what opening the network throws */
  static async open(options: SessionOptions): Promise<{ session: SessionProcess; view: SessionView }> {
    const session = new SessionProcess(options);
    try {
      const view = unpack(await session.#start()) as SessionView;
      return { session, view };
    } catch (error) {
      session.close();
      throw error;
    }
  }

  /**
   * @param options.soon before all that is not
   * @param options.signal when nobody waits for the answer any more
   * @returns the packed answer
   */
  async ask(
    job: SessionJob,
    { soon = true, signal }: { readonly soon?: boolean; readonly signal?: AbortSignal } = {},
  ): Promise<Answered> {
    if (signal?.aborted) throw new InterruptedError('no longer wanted');
    const id = this.#next++;
    return this.#enqueue({ id, job }, soon, signal);
  }

  close(): void {
    this.#closed = true;
    this.#child?.kill('SIGKILL');
    this.#child = undefined;
    this.#fail(new InterruptedError('the server is closed'));
  }

  async #start(): Promise<Answered> {
    const file = import.meta.url.endsWith('.ts') ? './session-main.ts' : './session-main.js';
    const child = fork(fileURLToPath(new URL(file, import.meta.url)), [], { serialization: 'advanced' });
    this.#child = child;
    child.on('message', (message: FromSession) => this.#answered(message));
    child.on('exit', (code, signal) => {
      if (this.#child !== child) return;
      this.#child = undefined;
      this.#fail(
        new EngineError(
          `the process that computes has ended (${signal ?? `code ${code}`}); the next question starts it again`,
        ),
      );
    });
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#running = { id, message: { id, open: this.#options }, soon: true, resolve, reject };
      child.send(this.#running.message);
    });
  }

  #enqueue(message: Waiting['message'], soon: boolean, signal?: AbortSignal): Promise<Answered> {
    return new Promise((resolve, reject) => {
      if (this.#closed) return reject(new InterruptedError('the server is closed'));
      const waiting = { id: message.id, message, soon, resolve, reject };
      signal?.addEventListener('abort', () => this.#cancel(waiting), { once: true });
      this.#queue.push(waiting);
      this.#advance();
    });
  }

  #advance(): void {
    if (this.#running || this.#closed) return;
    const first = this.#queue.findIndex(({ soon }) => soon);
    const [waiting] = this.#queue.splice(Math.max(0, first), 1);
    if (!waiting) return;
    if (!this.#child && 'job' in waiting.message) {
      // It had ended. What was opened before has to be opened again first.
      this.#queue.unshift(waiting);
      this.#start().catch((error) => this.#fail(error));
      return;
    }
    this.#running = waiting;
    this.#child!.send(waiting.message);
  }

  #answered(message: FromSession): void {
    const running = this.#running;
    if (running?.id !== message.id) return;
    this.#running = undefined;
    if ('bytes' in message) running.resolve(message.bytes);
    else running.reject(errorOf(message.error));
    this.#advance();
  }

  #cancel(waiting: Waiting): void {
    const at = this.#queue.indexOf(waiting);
    if (at >= 0) this.#queue.splice(at, 1);
    else if (this.#running === waiting) this.#child?.send({ cancel: waiting.id } satisfies ToSession);
    waiting.reject(new InterruptedError('no longer wanted'));
  }

  #fail(error: unknown): void {
    const all = [...(this.#running ? [this.#running] : []), ...this.#queue.splice(0)];
    this.#running = undefined;
    for (const { reject } of all) reject(error);
  }
}

function errorOf({ typed, message }: { typed: string | null; message: string }): Error {
  const type = typed === null ? undefined : errors[typed];
  return type ? new type(message) : new Error(message);
}
