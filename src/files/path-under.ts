import { isAbsolute, join } from 'node:path';
import { DataError, type GainError } from '../errors/index.ts';
import { shown } from './checked-name.ts';

/** More than any path has that programs write. */
const LONGEST = 1024;

/**
 * Joins a folder and a path that a file names (a weight file of a manifest, a record of a report, a member of an
 * archive), which may lie deeper in the folder but not outside of it.
 *
 * @param relative with `/` between its parts
 * @param where what it is and where it stands; the message begins with it
 * @param Failure type of the error @default DataError
 * @throws {DataError} or `Failure`, with the path and the rule
 */
export function pathUnder(
  dir: string,
  relative: string,
  where: string,
  Failure: new (message: string) => GainError = DataError,
): string {
  const fail = (rule: string) => {
    throw new Failure(`${where} ${shown(relative)} ${rule}`);
  };
  if (typeof relative !== 'string') throw new Failure(`${where} is no text`);
  if (relative === '') fail('is empty');
  if (relative.includes('\0')) fail('holds a NUL character');
  if (relative.length > LONGEST) fail(`has ${relative.length} characters, the most is ${LONGEST}`);
  // A backslash is a step on Windows, and what a path means must not depend on who reads it.
  let depth = 0;
  for (const step of relative.split(/[\\/]/)) {
    if (step === '..') depth--;
    else if (step !== '' && step !== '.') depth++;
    if (depth < 0) break;
  }
  if (isAbsolute(relative) || /^[a-zA-Z]:/.test(relative) || depth < 0) fail('leads out of its folder');
  if (depth === 0) fail('names its folder itself');
  return join(dir, relative);
}
