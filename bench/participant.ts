import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { Assignment } from './worker.ts';
import type { PeerName } from './workload.ts';

/** What one repetition took. */
export interface Turn {
  readonly ms: number;
  /** Processor time of all threads. */
  readonly cpuMs: number;
  /** The number that all sides must agree on. */
  readonly value: number;
  /** Most memory that the process held so far. */
  readonly peakMiB: number;
}

/** Why a side cannot be measured, in one line. */
export class Unavailable extends Error {}

/** One side of a comparison: a process that lives as long as the comparison and works when it has its turn. */
export class Participant {
  /** Of the library that computes. */
  version = '';
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  readonly #errors: string[];

  private constructor(child: ChildProcessWithoutNullStreams, lines: AsyncIterator<string>, errors: string[]) {
    this.#child = child;
    this.#lines = lines;
    this.#errors = errors;
  }

  /**
   * Starts a process for a task.
   *
   * @param engine `onnx` for ours
   * @throws {Unavailable} when the engine cannot be had here
   */
  static async start(
    engine: 'onnx' | PeerName,
    assignment: Omit<Assignment, 'engine'>,
  ): Promise<Participant> {
    const [file, ...args] = commandOf(engine);
    const child = spawn(file!, args, { env: environmentOf(assignment.threads) });
    const errors: string[] = [];
    child.stderr.setEncoding('utf8').on('data', (text: string) => errors.push(text));
    // A process that could not be started, or ended early, is noticed by the missing answer.
    child.on('error', ({ message }) => errors.push(message));
    child.stdin.on('error', () => {});
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const participant = new Participant(child, lines, errors);
    try {
      const { version } = await participant.#ask<{ version: string }>({ ...assignment, engine });
      participant.version = version;
      return participant;
    } catch (error) {
      participant.stop();
      throw error;
    }
  }

  /**
   * One repetition.
   *
   * @param patience milliseconds after which it is given up
   * @throws {Unavailable} when it fails or takes longer
   */
  async turn(patience?: number): Promise<Turn> {
    let timer: NodeJS.Timeout | undefined;
    const giveUp = new Promise<never>((_, reject) => {
      if (patience === undefined) return;
      const message = `more than ${patience / 1000} s for one repetition`;
      timer = setTimeout(() => reject(new Unavailable(message)), patience);
    });
    try {
      return await Promise.race([this.#ask<Turn>('turn'), giveUp]);
    } finally {
      clearTimeout(timer);
    }
  }

  stop(): void {
    this.#child.kill('SIGKILL');
  }

  async #ask<Answer>(message: unknown): Promise<Answer> {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) {
      const lines = this.#errors.join('').trim().split('\n');
      throw new Unavailable(
        lines.find((line) => /Error\b/.test(line)) ?? (lines.at(-1) || 'the process ended'),
      );
    }
    const answer = JSON.parse(value) as Answer | { unavailable: string };
    if (typeof answer === 'object' && answer !== null && 'unavailable' in answer) {
      throw new Unavailable(answer.unavailable);
    }
    return answer as Answer;
  }
}

function commandOf(engine: 'onnx' | PeerName): string[] {
  if (engine.startsWith('pytorch')) {
    const script = fileURLToPath(new URL('pytorch/worker.py', import.meta.url));
    const python = process.env.BENCH_PYTHON;
    if (!python) throw new Unavailable('set BENCH_PYTHON to a Python that has torch');
    return [python, script];
  }
  return [
    process.execPath,
    `--import=${import.meta.resolve('../.ci/typescript.mjs')}`,
    fileURLToPath(new URL('worker.ts', import.meta.url)),
  ];
}

/** PyTorch's OpenMP takes its number of threads from here, before `torch.set_num_threads` can be called. */
function environmentOf(threads: number): NodeJS.ProcessEnv {
  return { ...process.env, OMP_NUM_THREADS: String(threads), PYTHONDONTWRITEBYTECODE: '1' };
}
