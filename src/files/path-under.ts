import { isAbsolute, join, normalize, sep } from 'node:path';
import { DataError, type GainError } from '../errors/index.ts';
import { shown } from './checked-name.ts';

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
  const steps = normalize(relative).split(sep);
  if (
    isAbsolute(relative) ||
    /^[a-zA-Z]:[\\/]/.test(relative) ||
    steps[0] === '..' ||
    relative.split('\\')[0] === '..'
  ) {
    fail('leads out of its folder');
  }
  return join(dir, relative);
}
