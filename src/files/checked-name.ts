import { DataError, type GainError } from '../errors/index.ts';

/** Bytes that a name may have: file systems allow 255, and endings such as `-00000-of-00008.tfrecord` come behind it. */
const LONGEST = 120;

/**
 * The one place that decides whether a name (of a split, a class, a run, a file in an archive) may become the name of a
 * file or a folder: one step of a path that stays where it is put, on every file system.
 *
 * @returns the rule that it breaks, undefined for a good name
 */
export function nameFault(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (/[/\\]/.test(name)) return 'holds a slash, so it would be a path';
  if (/\p{Cc}/u.test(name)) return 'holds a control character';
  if (/\p{Cs}|\ufffd/u.test(name)) return 'is not Unicode';
  if (name.startsWith('.')) return 'begins with a dot';
  if (name !== name.trim()) return 'begins or ends with a blank';
  const bytes = Buffer.byteLength(name);
  if (bytes > LONGEST) return `has ${bytes} bytes, the most is ${LONGEST}`;
  return undefined;
}

/**
 * Lets a name through that may become a file or folder.
 *
 * @param where what it is and where it stands, `list.csv:2: split`; the message begins with it
 * @param Failure type of the error @default DataError
 * @returns the name
 * @throws {DataError} or `Failure`, with the name, shortened, and the rule
 */
export function checkedName(
  name: string,
  where: string,
  Failure: new (message: string) => GainError = DataError,
): string {
  const fault = nameFault(name);
  if (fault) throw new Failure(`${where} ${shown(name)} ${fault}`);
  return name;
}

/** A name as it can be printed: escaped, and not longer than a line. */
export function shown(name: string): string {
  return JSON.stringify(name.length > 60 ? `${name.slice(0, 60)}…` : name);
}
