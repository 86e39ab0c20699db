import { closeSync, fstatSync, ftruncateSync, openSync, writeFileSync } from 'node:fs';
import { cannotBeWritten, type WriteError } from './writing.ts';

/**
 * A file that grows by lines, each written before `write` returns: what a program last said is there when it is killed.
 * A line that cannot be written leaves no half of itself. It is a destination for pino.
 */
export class LineFile {
  readonly path: string;
  readonly #as: WriteError | undefined;
  #file: number | undefined;

  /** @throws `as`, by default RunError, when it cannot be opened */
  constructor(path: string, as?: WriteError) {
    this.path = path;
    this.#as = as;
    this.#file = this.#writing(() => openSync(path, 'a'));
  }

  /**
   * @param line with its line break
   * @throws `as` when it cannot be written
   */
  write(line: string): void {
    const file = this.#file;
    if (file === undefined) return;
    this.#writing(() => {
      const { size } = fstatSync(file);
      try {
        writeFileSync(file, line);
      } catch (error) {
        try {
          ftruncateSync(file, size);
        } catch {
          // The first error says more.
        }
        throw error;
      }
    });
  }

  /** Lines that come later are dropped. */
  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }

  #writing<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (cause) {
      throw cannotBeWritten(this.path, cause, this.#as);
    }
  }
}
