import { Readable } from 'node:stream';
import { DataError } from '../../../errors/index.ts';
import { textPieces } from '../../text-file.ts';

/** Longer than any row: a quote that is never closed would swallow the rest of the file. */
const LONGEST_ROW = 2 ** 20;

/**
 * Rows of a CSV file of any size.
 *
 * @throws {DataError} `file:line: …` for what is no CSV
 */
export async function* allRows(
  path: string,
  { delimiter = ',', encoding }: { delimiter?: string | undefined; encoding?: string | undefined } = {},
): AsyncGenerator<{ record: string[]; line: number }> {
  // Loaded late, as every program imports this module and few read CSV.
  const { CsvError, parse } = await import('csv-parse');
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    skipEmptyLines: true,
    relaxColumnCount: true,
    maxRecordSize: LONGEST_ROW,
  });
  const input = Readable.from(textPieces(path, encoding)).on('error', (error) => parser.destroy(error));
  try {
    for await (const { record, info } of input.pipe(parser)) yield { record, line: info.lines };
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw new DataError(`${path}:${cause.lines ?? 1}: ${cause.message}`, { cause });
  }
}

/**
 * Rows of a CSV file, the cells of the named columns in their order; '' where a column is missing. Without names: all
 * cells, and no header.
 *
 * @param columns the first two must be there
 * @throws {DataError} `file:1: has no column …`
 */
export async function* csvRows(
  path: string,
  columns?: readonly string[],
): AsyncGenerator<{ cells: string[]; where: string }> {
  let places: number[] | undefined;
  for await (const { record, line } of allRows(path)) {
    const where = `${path}:${line}`;
    if (!columns) {
      yield { cells: record, where };
      continue;
    }
    if (!places) {
      places = columns.map((name) => record.indexOf(name));
      const missing = columns.find((_, i) => i < 2 && places![i]! < 0);
      if (missing) throw new DataError(`${where}: has no column ${missing}; it has ${record.join(', ')}`);
      continue;
    }
    yield { cells: places.map((place) => record[place]?.trim() ?? ''), where };
  }
}
