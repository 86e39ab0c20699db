import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { DataError, RunError, UsageError } from '../../errors/index.ts';

/** Something outside of this process that scores images. */
export interface RemotePredictor {
  /**
   * @param images values from 0 to 1, [N·H·W·c] row-major
   * @param shape [N,H,W,c]
   * @returns scores, [N·C] row-major
   */
  score(
    images: Float32Array,
    shape: readonly number[],
    signal?: AbortSignal | undefined,
  ): Promise<{ readonly values: Float32Array; readonly classes: number }>;
}

/** What is asked: the images of a batch, as the values of a little-endian float32 array in base64. */
function request(images: Float32Array, shape: readonly number[]): string {
  const data = Buffer.from(images.buffer, images.byteOffset, images.byteLength).toString('base64');
  return JSON.stringify({ shape, dtype: 'float32', data });
}

/**
 * What is answered: `{ "scores": [[…], …] }`, a row for each image and a column for each class.
 *
 * @throws {DataError} for anything else, saying what
 */
function answer(text: string, rows: number, where: string): { values: Float32Array; classes: number } {
  const shown = text.length > 200 ? `${text.slice(0, 200)}…` : text;
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new DataError(
      `${where}: expected a line of JSON {"scores": [[…], …]}, found ${JSON.stringify(shown)}`,
    );
  }
  const { scores, error } = (parsed ?? {}) as { scores?: unknown; error?: unknown };
  if (error !== undefined) throw new DataError(`${where}: ${String(error)}`);
  if (!Array.isArray(scores) || scores.length !== rows || !scores.every((row) => Array.isArray(row))) {
    throw new DataError(
      `${where}: expected "scores" with ${rows} rows, one for each image, found ${JSON.stringify(shown)}`,
    );
  }
  const classes = (scores[0] as unknown[]).length;
  for (const [i, row] of (scores as unknown[][]).entries()) {
    if (row.length !== classes || classes === 0 || !row.every((value) => Number.isFinite(value))) {
      throw new DataError(
        `${where}: expected as many finite numbers in every row of "scores", row ${i} holds ${JSON.stringify(row).slice(0, 120)}`,
      );
    }
  }
  return { values: Float32Array.from((scores as number[][]).flat()), classes };
}

/** A predictor that has to be ended. */
export interface RunningPredictor extends RemotePredictor {
  close(): Promise<void>;
}

export interface CommandOptions {
  /** Seconds that a batch may take, the first one with the start of the program. @default 120 */
  readonly timeout?: number | undefined;
}

/**
 * A program that scores images: started once by the shell, asked a line of JSON for each batch on its standard input,
 * answering a line of JSON on its standard output. What it writes to standard error is shown when it fails.
 *
 *     {"shape": [N, H, W, c], "dtype": "float32", "data": "base64 of the little-endian values, 0 to 1, row by row"}
 *     {"scores": [[…C numbers…], … N rows]}     or     {"error": "what went wrong"}
 *
 * It is to end when its input ends.
 *
 * @throws {RunError} when it cannot be started, ends early, or takes too long
 * @throws {DataError} for an answer that is none
 */
export function commandPredictor(command: string, { timeout = 120 }: CommandOptions = {}): RunningPredictor {
  const child: ChildProcess = spawn(command, { shell: true, stdio: ['pipe', 'pipe', 'pipe'] });
  const where = `the program "${command}"`;
  let complaints = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    complaints = (complaints + text).slice(-2000);
  });
  const lines: string[] = [];
  let waiting: { resolve: (line: string) => void; reject: (error: Error) => void } | undefined;
  let ended: Error | undefined;
  const exited = new Promise<void>((resolve) => {
    const end = (error: Error) => {
      ended ??= error;
      waiting?.reject(ended);
      waiting = undefined;
      resolve();
    };
    child.on('error', (cause) => end(new RunError(`${where}: it cannot be started: ${cause.message}`)));
    child.on('close', (code, killed) => {
      const last = complaints.trim();
      const how = killed ? `was ended by ${killed}` : `ended with exit code ${code}`;
      end(new RunError(`${where} ${how}${last ? `; it wrote:\n${last}` : ''}`));
    });
  });
  // The end is told by `close`; a broken pipe says nothing more.
  child.stdin!.on('error', () => {});
  createInterface({ input: child.stdout! }).on('line', (line) => {
    if (line.trim() === '') return;
    if (waiting) {
      waiting.resolve(line);
      waiting = undefined;
    } else lines.push(line);
  });

  return {
    async score(images, shape, signal) {
      if (ended) throw ended;
      let stop = () => {};
      const line = new Promise<string>((resolve, reject) => {
        const given = lines.shift();
        if (given !== undefined) return resolve(given);
        waiting = { resolve, reject };
        const late = setTimeout(
          () => reject(new RunError(`${where}: no answer within ${timeout} s (--timeout)`)),
          timeout * 1000,
        );
        const aborted = () => reject(signal!.reason as Error);
        signal?.addEventListener('abort', aborted);
        stop = () => {
          clearTimeout(late);
          signal?.removeEventListener('abort', aborted);
          waiting = undefined;
        };
        return undefined;
      });
      child.stdin!.write(`${request(images, shape)}\n`);
      try {
        return answer(await line, shape[0]!, where);
      } finally {
        stop();
      }
    },
    async close() {
      child.stdin!.end();
      const late = setTimeout(() => child.kill('SIGTERM'), 2000);
      await exited;
      clearTimeout(late);
    },
  };
}

/**
 * A server that scores images: each batch is a POST of the same JSON as {@link commandPredictor} writes, answered by the
 * same.
 *
 * @throws {UsageError} for an address that is none
 * @throws {RunError} when it does not answer, or with another status than 200
 * @throws {DataError} for an answer that is none
 */
export function httpPredictor(url: string, { timeout = 120 }: CommandOptions = {}): RunningPredictor {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new UsageError(`expected an address such as http://localhost:8000/score, found "${url}"`);
  }
  return {
    async score(images, shape, signal) {
      const late = AbortSignal.timeout(timeout * 1000);
      const response = await fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: request(images, shape),
        signal: signal ? AbortSignal.any([late, signal]) : late,
      }).catch((cause: Error) => {
        signal?.throwIfAborted();
        const reason = late.aborted ? `no answer within ${timeout} s (--timeout)` : causeOf(cause);
        throw new RunError(`${url}: ${reason}`, { cause });
      });
      const text = await response.text();
      if (!response.ok) {
        throw new RunError(`${url}: expected status 200, found ${response.status}: ${text.slice(0, 200)}`);
      }
      return answer(text, shape[0]!, url);
    },
    async close() {},
  };
}

function causeOf(error: Error): string {
  const cause = error.cause;
  return cause instanceof Error && cause.message ? cause.message : error.message;
}
