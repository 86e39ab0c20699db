import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import type * as z from 'zod';
import { DataError } from '../errors/index.ts';

/**
 * The text of a file; undefined when there is none.
 *
 * @throws {DataError} when it is there and cannot be read
 */
export async function readText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === 'ENOENT') return undefined;
    throw new DataError(`${path}: cannot be read: ${cause.message}`, { cause });
  });
}

/**
 * A JSON file, checked; undefined when there is none.
 *
 * @throws {DataError} that names the file, and the key that breaks the schema
 */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readText(path);
  return text === undefined ? undefined : parseJson(text, path, schema);
}

/**
 * The lines of an NDJSON file with their numbers from 1, as a stream; nothing when there is no file. A last line that
 * was cut off, since its writer is still at work or was killed, is left out.
 */
export async function* readLines(path: string): AsyncGenerator<{ line: number; text: string }> {
  const input = createReadStream(path, 'utf8');
  let ended = true;
  input.on('data', (chunk) => {
    ended = chunk.at(-1) === '\n';
  });
  let line = 0;
  let last: string | undefined;
  try {
    for await (const text of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
      if (last) yield { line, text: last };
      last = text;
      line++;
    }
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return;
    throw new DataError(`${path}: cannot be read: ${(cause as Error).message}`, { cause });
  }
  if (last && ended) yield { line, text: last };
}

/** @throws {DataError} `where: what is wrong` */
export function parseJson<T>(text: string, where: string, schema: z.ZodType<T>): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new DataError(`${where}: not valid JSON: ${(cause as Error).message}`, { cause });
  }
  const checked = schema.safeParse(json);
  if (checked.success) return checked.data;
  const issue = checked.error.issues[0]!;
  throw new DataError(`${where}: ${issue.path.join('.') || 'the whole'}: ${issue.message}`);
}
