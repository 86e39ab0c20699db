import { readFile } from 'node:fs/promises';
import { DataError, nearest, UsageError } from '../errors/index.ts';

/**
 * The names of classes in a file: one per line, a list in JSON, or the `dataset.json` of a data set.
 *
 * @throws {DataError} when it cannot be read, or holds no names
 */
export async function readClassNames(file: string): Promise<readonly string[]> {
  const text = await readFile(file, 'utf8').catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'no such file' : cause.message;
    throw new DataError(`${file}: class names cannot be read: ${reason}`, { cause });
  });
  if (!file.endsWith('.json')) {
    return text
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter(Boolean);
  }
  try {
    const json: unknown = JSON.parse(text);
    const names = Array.isArray(json) ? json : (json as { classes?: unknown }).classes;
    if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  } catch (cause) {
    throw new DataError(`${file}: ${(cause as Error).message}`, { cause });
  }
  throw new DataError(`${file}: expected a list of names, or an object with such a list as "classes"`);
}

/**
 * Columns of classes given by name or number.
 *
 * @throws {UsageError} for a class that the model does not have, with what was probably meant
 */
export function findClasses(asked: readonly string[], classes: readonly string[]): number[] {
  return asked.map((name) => {
    const named = classes.indexOf(name);
    if (named >= 0) return named;
    const index = Number(name);
    if (Number.isInteger(index) && index >= 0 && index < classes.length) return index;
    const guess = nearest(name, classes)[0];
    throw new UsageError(
      `--class: no class "${name}"${guess ? `; did you mean "${guess}"?` : `; there are ${classes.length}, numbered from 0`}`,
    );
  });
}
