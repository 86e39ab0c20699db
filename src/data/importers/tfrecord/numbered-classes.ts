import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import { INFO_FILE, readDatasetInfo } from '../../dataset-info.ts';
import { readText } from '../../text-file.ts';

/** The numbers that stand for classes in a file, in the order of the classes, and their names. */
export type NumberedClasses = readonly { id: number; name: string }[];

/**
 * Reads a label map of the Object Detection API: `item { id: 1 name: 'cat' }`. A `display_name`, as in that of COCO,
 * is taken before the `name`.
 *
 * @throws {DataError} `file:line: …` for an item without id or name, or an id that occurs twice
 */
export async function readLabelMap(path: string): Promise<NumberedClasses> {
  const text = await readText(path);
  // A comment is blanked out rather than removed, so that lines and positions stay.
  const plain = text.replace(/^\s*#.*$/gm, (comment) => comment.replace(/[^\n]/g, ' '));
  const names = new Map<number, string>();
  for (const { 1: body = '', index } of plain.matchAll(/\bitem\s*:?\s*\{([^}]*)\}/g)) {
    const fail = (rule: string): never => {
      throw new DataError(`${path}:${plain.slice(0, index).split('\n').length}: ${rule}`);
    };
    const id = /\bid\s*:\s*(\d+)/.exec(body)?.[1];
    const name =
      /\bdisplay_name\s*:\s*(["'])(.*?)\1/.exec(body)?.[2] ?? /\bname\s*:\s*(["'])(.*?)\1/.exec(body)?.[2];
    if (!id || !name) return fail(`the item has no ${id ? 'name' : 'id'}`);
    if (names.has(Number(id))) return fail(`the id ${id} occurs twice`);
    names.set(Number(id), name);
  }
  if (names.size === 0) throw new DataError(`${path}:1: holds no item { id: … name: … }`);
  return [...names].map(([id, name]) => ({ id, name })).sort((a, b) => a.id - b.id);
}

/** The names in the `dataset.json` of a data set of our own. */
export async function readOwnNames(dir: string): Promise<NumberedClasses | undefined> {
  if (!existsSync(join(dir, INFO_FILE))) return undefined;
  return (await readDatasetInfo(dir)).classes.map((name, id) => ({ id, name }));
}

/** The names that TFDS keeps beside its records, a class on each line, numbered from 0. */
export async function readTfdsNames(dir: string): Promise<NumberedClasses | undefined> {
  const file = ['objects-label', 'label', 'labels']
    .map((feature) => join(dir, `${feature}.labels.txt`))
    .find((path) => existsSync(path));
  if (!file) return undefined;
  const lines = (await readText(file)).split(/\r?\n/).flatMap((line) => line.trim() || []);
  return lines.map((name, id) => ({ id, name }));
}

/**
 * Classes for the numbers that occur, when no file tells them: names given by the user (numbers from 1 where they
 * are exactly 1 to n, else from 0), the texts in the records, or the numbers themselves.
 */
export function classesFor(
  texts: ReadonlyMap<number, string>,
  names: readonly string[] | undefined,
): NumberedClasses {
  const ids = [...texts.keys()].sort((a, b) => a - b);
  const first = names && ids[0] === 1 && ids.at(-1) === names.length ? 1 : 0;
  if (names) return names.map((name, i) => ({ id: i + first, name }));
  const distinct = new Set(texts.values()).size === ids.length;
  return ids.map((id) => ({ id, name: (distinct && texts.get(id)) || String(id) }));
}
