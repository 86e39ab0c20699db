import { createReadStream } from 'node:fs';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { DataError } from '../errors/index.ts';
import { GrowingFile, pathUnder, readJson, writeWhole } from '../files/index.ts';
import { type EvaluationResult, evaluationFormat, evaluationVersion, type ImageRecord } from './result.ts';

/** Writes the two files of a split's evaluation; both appear when they are complete. */
export class ResultWriter {
  readonly path: string;
  readonly recordsName: string;
  readonly #recordsPath: string;
  #records: GrowingFile | undefined;

  /** @param dir made with the first record */
  constructor(dir: string, split: string) {
    this.path = join(dir, `${split}.json`);
    this.recordsName = `${split}.images.ndjson`;
    this.#recordsPath = join(dir, this.recordsName);
  }

  async record(record: ImageRecord): Promise<void> {
    this.#records ??= await GrowingFile.create(this.#recordsPath);
    await this.#records.write(`${JSON.stringify(record)}\n`);
  }

  async finish(result: EvaluationResult): Promise<void> {
    this.#records ??= await GrowingFile.create(this.#recordsPath);
    await this.#records.finish();
    await writeWhole(this.path, `${JSON.stringify(result, sixDigits, 2)}\n`);
  }

  /** Leaves nothing half-written behind. */
  async abandon(): Promise<void> {
    await this.#records?.abandon();
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
  const result = (await readJson(path)) as Partial<EvaluationResult> | null | undefined;
  if (result === undefined) throw new DataError(`${path}: there is no such file`);
  if (result?.format !== evaluationFormat || result?.version !== evaluationVersion) {
    throw new DataError(
      `${path}: expected ${evaluationFormat} version ${evaluationVersion}, found ${result?.format} version ${result?.version}`,
    );
  }
  const { split, imageRecords, dataset, model, settings, classification } = result;
  for (const [key, value] of Object.entries({ split, imageRecords })) {
    if (typeof value !== 'string') throw new DataError(`${path}: ${key}: expected a text`);
  }
  for (const [key, value] of Object.entries({ dataset, model, settings, classification })) {
    if (typeof value !== 'object' || value === null)
      throw new DataError(`${path}: ${key}: expected an object`);
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
  const records = pathUnder(dirname(path), imageRecords, `${path}: imageRecords`);
  let line = 0;
  try {
    for await (const text of createInterface({ input: createReadStream(records) })) {
      yield parsedRecord(text, `${records}:${++line}`);
    }
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${records}: cannot be read: ${(cause as Error).message}`, { cause });
  }
}

function parsedRecord(text: string, where: string): ImageRecord {
  let record: Partial<ImageRecord> | null;
  try {
    record = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${where}: ${(cause as Error).message}`, { cause });
  }
  const isPair = (pair: unknown) =>
    typeof pair === 'object' && pair !== null && 'methods' in pair && Boolean(pair.methods);
  const lists = [record?.labels, record?.scores, record?.pairs];
  if (typeof record?.id !== 'string' || !lists.every(Array.isArray) || !record.pairs!.every(isPair)) {
    throw new DataError(`${where}: expected an image with id, labels, scores and pairs`);
  }
  return record as ImageRecord;
}
