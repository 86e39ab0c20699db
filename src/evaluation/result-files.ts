import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DataError, RunError } from '../errors/index.ts';
import { type EvaluationResult, evaluationFormat, evaluationVersion, type ImageRecord } from './result.ts';

/** Records are written when so many characters have come together. */
const chunk = 1 << 18;

/** Writes the two files of a split's evaluation; both appear when they are complete. */
export class ResultWriter {
  readonly path: string;
  readonly recordsName: string;
  readonly #recordsPath: string;
  #file: FileHandle | undefined;
  #waiting: string[] = [];
  #length = 0;

  /** @param dir made with the first records */
  constructor(dir: string, split: string) {
    this.path = join(dir, `${split}.json`);
    this.recordsName = `${split}.images.ndjson`;
    this.#recordsPath = join(dir, this.recordsName);
  }

  async record(record: ImageRecord): Promise<void> {
    const line = `${JSON.stringify(record)}\n`;
    this.#waiting.push(line);
    this.#length += line.length;
    if (this.#length >= chunk) await this.#writing(() => this.#flush());
  }

  async finish(result: EvaluationResult): Promise<void> {
    await this.#writing(async () => {
      await this.#flush();
      await this.#file?.close();
      this.#file = undefined;
      await writeFile(`${this.path}.tmp`, `${JSON.stringify(result, sixDigits, 2)}\n`, { flush: true });
      await rename(`${this.#recordsPath}.tmp`, this.#recordsPath);
      await rename(`${this.path}.tmp`, this.path);
    });
  }

  /** Leaves nothing half-written behind. */
  async abandon(): Promise<void> {
    await this.#file?.close();
    this.#file = undefined;
    await rm(`${this.#recordsPath}.tmp`, { force: true });
    await rm(`${this.path}.tmp`, { force: true });
  }

  async #flush(): Promise<void> {
    if (!this.#file) {
      await mkdir(dirname(this.#recordsPath), { recursive: true });
      this.#file = await open(`${this.#recordsPath}.tmp`, 'w');
    }
    await this.#file.write(this.#waiting.join(''));
    this.#waiting = [];
    this.#length = 0;
  }

  async #writing(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (cause) {
      throw new RunError(`${this.path}: cannot be written: ${(cause as Error).message}`, { cause });
    }
  }
}

function sixDigits(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(6)) : value;
}

/**
 * Reads a result file.
 *
 * @throws {DataError} when it is none, or of a version that is not known
 */
export async function readEvaluation(path: string): Promise<EvaluationResult> {
  let result: Partial<EvaluationResult>;
  try {
    result = JSON.parse(await readFile(path, 'utf8'));
  } catch (cause) {
    throw new DataError(`${path}: ${(cause as Error).message}`, { cause });
  }
  if (result?.format !== evaluationFormat || result.version !== evaluationVersion) {
    throw new DataError(
      `${path}: expected ${evaluationFormat} version ${evaluationVersion}, found ${result?.format} version ${result?.version}`,
    );
  }
  return result as EvaluationResult;
}

/**
 * The image records of an evaluation, one by one, in the order of the split.
 *
 * @param path of the result file
 * @throws {DataError} naming the line that is broken
 */
export async function* readImageRecords(path: string): AsyncGenerator<ImageRecord> {
  const { imageRecords } = await readEvaluation(path);
  const records = join(dirname(path), imageRecords);
  let line = 0;
  for await (const text of createInterface({ input: createReadStream(records) })) {
    line++;
    try {
      yield JSON.parse(text) as ImageRecord;
    } catch (cause) {
      throw new DataError(`${records}:${line}: ${(cause as Error).message}`, { cause });
    }
  }
}
