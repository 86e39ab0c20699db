import { existsSync } from 'node:fs';
import { join, relative, sep } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import { textPieces } from '../../text-file.ts';
import { allRows } from '../csv/rows.ts';
import { findFolders } from '../folder/folder.ts';
import type { ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes } from '../import-run/import-notes.ts';
import {
  type AnnotatedImage,
  type AnnotatedSourceOptions,
  annotatedSource,
} from '../reading/annotated-image.ts';
import { listFolder } from '../reading/image-files.ts';
import { parseJson } from '../reading/json-file.ts';
import { listedImage, tellUnlisted } from '../reading/listed-image.ts';
import { labelledRow } from './labelled-row.ts';
import { findParquet } from './parquet.ts';

const METADATA = ['metadata.jsonl', 'metadata.csv'];
const SPLITS: Record<string, string> = { validation: 'val', valid: 'val' };

/**
 * Finds the images of a data set as the Hugging Face Hub keeps it: Parquet files that hold the images, or folders of images
 * with a `metadata.csv` or `metadata.jsonl` (`file_name`, `label`, `objects`) in the folder itself or in one for each split;
 * folders without any are class folders.
 *
 * @throws {DataError} that names the file and line or row
 */
export async function findHuggingFace(
  dir: string,
  options: AnnotatedSourceOptions = {},
): Promise<ImportSource> {
  const top = await listFolder(dir);
  const inside = top.folders.includes('data') ? await listFolder(join(dir, 'data')) : undefined;
  const parquet = (files: readonly string[]) => files.some((file) => file.endsWith('.parquet'));
  if (parquet(top.others)) return findParquet(dir, options);
  if (inside && parquet(inside.others)) return findParquet(join(dir, 'data'), options);

  const places = [['train', dir], ...top.folders.map((name) => [SPLITS[name] ?? name, join(dir, name)])] as [
    string,
    string,
  ][];
  const found = places.flatMap(([split, folder]) => {
    const file = METADATA.map((name) => join(folder, name)).find((path) => existsSync(path));
    return file ? [{ split, folder, file }] : [];
  });
  if (found.length === 0)
    return findFolders(dir, options.resize === undefined ? {} : { resize: options.resize });
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const images: AnnotatedImage[] = [];
  for (const { split, folder, file } of found) {
    const listed = new Set<string>();
    for await (const { row, where } of rowsOf(file)) {
      try {
        if (row instanceof DataError) throw row;
        if (typeof row.file_name !== 'string') throw new DataError(`${where}: has no file_name`);
        const path = listedImage(folder, row.file_name, where, notes.tell);
        listed.add(path);
        const name = relative(dir, path).split(sep).join('/');
        const own = folder === dir ? splitIn(row.file_name) : undefined;
        images.push({ source: path, name, where, split: own ?? split, ...labelledRow(row, {}, where) });
      } catch (error) {
        if (!(error instanceof DataError)) throw error;
        problems.push(error);
      }
    }
    await tellUnlisted(folder, listed, file, notes.tell);
  }
  for (const name of top.folders) {
    if (found.length > 0 && !found.some(({ folder }) => folder === join(dir, name) || folder === dir)) {
      notes.tell('folders left out, they hold no metadata', join(dir, name));
    }
  }
  return annotatedSource('hugging-face', images, options, notes, problems);
}

/** One `metadata.csv` above the folders of the splits names them in its paths. */
function splitIn(file: string): string | undefined {
  const [first] = file.split(/[/\\]/);
  return first && /^(train|val|valid|validation|test)$/.test(first) ? (SPLITS[first] ?? first) : undefined;
}

async function* rowsOf(
  path: string,
): AsyncGenerator<{ row: Record<string, unknown> | DataError; where: string }> {
  if (path.endsWith('.csv')) {
    let header: string[] | undefined;
    for await (const { record, line } of allRows(path)) {
      if (!header) header = record.map((name) => name.trim());
      else
        yield {
          row: Object.fromEntries(header.map((name, i) => [name, parsedCell(record[i])])),
          where: `${path}:${line}`,
        };
    }
    return;
  }
  let [line, rest] = [1, ''];
  for await (const piece of textPieces(path)) {
    const parts = (rest + piece).split('\n');
    rest = parts.pop()!;
    if (rest.length > LONGEST_LINE)
      throw new DataError(`${path}:${line}: the line is longer than ${LONGEST_LINE} characters`);
    for (const text of parts) yield* jsonLine(text, `${path}:${line++}`);
  }
  yield* jsonLine(rest, `${path}:${line}`);
}

const LONGEST_LINE = 2 ** 24;

function* jsonLine(
  text: string,
  where: string,
): Generator<{ row: Record<string, unknown> | DataError; where: string }> {
  if (!text.trim()) return;
  let row: unknown;
  try {
    row = parseJson(text, where);
  } catch (error) {
    yield { row: error as DataError, where };
    return;
  }
  const isObject = typeof row === 'object' && row !== null && !Array.isArray(row);
  yield {
    row: isObject ? (row as Record<string, unknown>) : new DataError(`${where}: expected an object`),
    where,
  };
}

/** Objects are JSON in a cell; everything else is text. */
function parsedCell(cell: string | undefined): unknown {
  const text = cell?.trim() ?? '';
  if (text === '') return undefined;
  if (!/^[[{]/.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
