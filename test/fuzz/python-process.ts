import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

/** A Python program that answers one line of JSON with another. */
export class PythonProcess {
  readonly #process: ChildProcessWithoutNullStreams;
  readonly #lines: AsyncIterator<string>;
  #stderr = '';

  constructor(python: string, program: URL) {
    this.#process = spawn(python, [fileURLToPath(program)]);
    this.#process.stderr.on('data', (text) => {
      this.#stderr += text;
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
  }

  async ask<T>(question: unknown): Promise<T> {
    this.#process.stdin.write(`${JSON.stringify(question)}\n`);
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`the Python program ended: ${this.#stderr.trim().split('\n').at(-1)}`);
    return JSON.parse(value) as T;
  }

  end(): void {
    this.#process.stdin.end();
  }
}
