import { readFile } from 'node:fs/promises';
import { DataError } from '../errors/index.ts';
import type { WriteError } from './writing.ts';

/**
 * A JSON file that an earlier start of a program has left; undefined when there is none.
 *
 * @param as the type of the error. @default DataError
 * @param way out of it, the end of the message: `; without it …`
 * @throws `as`, with the path, when it is there and cannot be read or is no JSON
 */
export async function readJson(path: string, as: WriteError = DataError, way = ''): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new as(`${path}: cannot be read: ${(cause as Error).message}${way}`, { cause });
  }
  try {
    return JSON.parse(text) as unknown;
  } catch (cause) {
    throw new as(`${path}: expected JSON: ${(cause as Error).message}${way}`, { cause });
  }
}
