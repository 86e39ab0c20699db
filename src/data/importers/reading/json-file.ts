import type * as z from 'zod';
import { DataError } from '../../../errors/index.ts';
import { readBytes } from '../../file-bytes.ts';
import { decodeText } from '../../text-file.ts';

/** What fits into memory several times over; LabelMe's files hold their image, those of Label Studio whole projects. */
const MOST = 2 ** 28;

/**
 * Reads a JSON file; NaN becomes null.
 *
 * @throws {DataError} `file: …` for what is no JSON
 */
export async function readJsonFile(path: string): Promise<unknown> {
  return parseJson(decodeText(await readBytes(path, MOST), path), path);
}

/**
 * Reads JSON; NaN becomes null.
 *
 * @param where beginning of the error message
 * @throws {DataError} `where: …` for what is no JSON
 */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    try {
      return JSON.parse(withoutNaN(text));
    } catch {
      throw new DataError(`${where}: is no JSON: ${(cause as Error).message}`, { cause });
    }
  }
}

/**
 * Holds a value of a file against a schema.
 *
 * @throws {DataError} `where.key[2]: …`
 */
export function checked<Schema extends z.ZodType>(
  schema: Schema,
  value: unknown,
  where: string,
): z.output<Schema> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const within = issue!.path
    .map((key) => (typeof key === 'number' ? `[${key}]` : `.${String(key)}`))
    .join('');
  throw new DataError(`${where}${within}: ${issue!.message}`);
}

/** Python's json writes NaN and Infinity, which JSON does not have: they become null, which no number accepts. */
export function withoutNaN(text: string): string {
  return text.replace(/"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g, (token) =>
    token.startsWith('"') ? token : 'null',
  );
}
