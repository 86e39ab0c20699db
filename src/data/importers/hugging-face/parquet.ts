import { open } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { AsyncBuffer, FileMetaData } from 'hyparquet';
import { DataError } from '../../../errors/index.ts';
import type { ImportSource } from '../import-run/import-examples.ts';
import { ImportNotes } from '../import-run/import-notes.ts';
import {
  type AnnotatedImage,
  type AnnotatedSourceOptions,
  annotatedSource,
} from '../reading/annotated-image.ts';
import { listFolder } from '../reading/image-files.ts';
import { type ClassNames, labelledRow } from './labelled-row.ts';

/** `train-00000-of-00003.parquet`, `validation-00000-of-00001-a1b2c3.parquet`. */
const SHARD = /^(.+?)-(\d+)-of-(\d+)(-[0-9a-f]+)?\.parquet$/;
const SPLITS: Record<string, string> = { validation: 'val', valid: 'val' };
/** Rows whose columns without images are read at once. */
const ROWS = 2000;

/**
 * Finds the images in the Parquet files of a folder, as the Hugging Face Hub writes them: a column with
 * `{ bytes, path }`, `label` or `objects`, and the names of the classes in the `huggingface` metadata of the file. Images
 * are read one by one when their turn comes.
 *
 * @throws {DataError} that names the file and row
 */
export async function findParquet(dir: string, options: AnnotatedSourceOptions): Promise<ImportSource> {
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const { others, folders, images: stray } = await listFolder(dir);
  const files = others.filter((file) => file.endsWith('.parquet'));
  for (const file of [...others.filter((name) => !name.endsWith('.parquet')), ...stray])
    notes.tell('files left out, they are no Parquet', join(dir, file));
  for (const folder of folders) notes.tell('folders left out', join(dir, folder));
  problems.push(...missingShards(dir, files));
  const images: AnnotatedImage[] = [];
  for (const file of files) {
    const path = join(dir, file);
    try {
      images.push(...(await imagesIn(path)));
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  return annotatedSource('parquet', images, options, notes, problems);
}

/** Loaded late, as every program imports this module and few read Parquet. */
const hyparquet = () => import('hyparquet');

async function imagesIn(path: string): Promise<AnnotatedImage[]> {
  const { parquetMetadataAsync, parquetReadObjects } = await hyparquet();
  const file = await parquetFile(path);
  const metadata = await reading(path, () => parquetMetadataAsync(file));
  const columns = metadata.schema.slice(1);
  const top = topLevel(metadata);
  const image =
    top.find((name) => ['image', 'img'].includes(name)) ?? top.find((name) => hasBytes(columns, name));
  if (!image) throw new DataError(`${path}: has no column image; it has ${top.join(', ')}`);
  const others = top.filter((name) => name !== image && !hasBytes(columns, name));
  const names = classNames(metadata);
  const split = SHARD.exec(basename(path))?.[1] ?? basename(path, '.parquet');
  const rows = Number(metadata.num_rows);
  const images: AnnotatedImage[] = [];
  for (let start = 0; start < rows; start += ROWS) {
    const end = Math.min(rows, start + ROWS);
    const read: Record<string, unknown>[] =
      others.length > 0
        ? await reading(path, () =>
            parquetReadObjects({ file, metadata, columns: others, rowStart: start, rowEnd: end }),
          )
        : Array.from({ length: end - start }, () => ({}));
    for (const [i, row] of read.entries()) {
      const where = `${path}, row ${start + i}`;
      images.push({
        source: () => imageBytes(path, file, metadata, image, start + i, where),
        name: `${basename(path)}#${start + i}`,
        where,
        split: SPLITS[split] ?? split,
        ...labelledRow(row, names, where),
      });
    }
  }
  return images;
}

async function imageBytes(
  path: string,
  file: AsyncBuffer,
  metadata: FileMetaData,
  column: string,
  row: number,
  where: string,
): Promise<Uint8Array> {
  const { parquetReadObjects } = await hyparquet();
  const [read] = await reading(path, () =>
    parquetReadObjects({ file, metadata, columns: [column], rowStart: row, rowEnd: row + 1, utf8: false }),
  );
  const value = read?.[column] as { bytes?: unknown } | Uint8Array | null | undefined;
  const bytes = value instanceof Uint8Array ? value : value?.bytes;
  if (!(bytes instanceof Uint8Array) || bytes.length === 0)
    throw new DataError(`${where}: ${column} holds no bytes of an image`);
  return bytes;
}

async function parquetFile(path: string): Promise<AsyncBuffer> {
  const handle = await open(path, 'r').catch((cause: Error) => {
    throw new DataError(`${path}: ${cause.message}`, { cause });
  });
  const { size } = await handle.stat();
  await handle.close();
  return {
    byteLength: size,
    async slice(start, end = size) {
      const from = start < 0 ? Math.max(0, size + start) : start;
      const opened = await open(path, 'r');
      try {
        const bytes = new Uint8Array(Math.max(0, Math.min(end, size) - from));
        await opened.read(bytes, 0, bytes.length, from);
        return bytes.buffer;
      } finally {
        await opened.close();
      }
    },
  };
}

async function reading<T>(path: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read();
  } catch (cause) {
    throw new DataError(`${path}: cannot be read as Parquet: ${(cause as Error).message}`, { cause });
  }
}

function topLevel({ schema }: FileMetaData): string[] {
  const names: string[] = [];
  let i = 1;
  const skip = (): void => {
    const children = schema[i++]?.num_children ?? 0;
    for (let child = 0; child < children; child++) skip();
  };
  while (i < schema.length) {
    names.push(schema[i]!.name);
    skip();
  }
  return names;
}

/** Whether a column is a group with a member `bytes`. */
function hasBytes(columns: FileMetaData['schema'], name: string): boolean {
  const at = columns.findIndex((column) => column.name === name);
  const children = columns[at]?.num_children ?? 0;
  return columns.slice(at + 1, at + 1 + children).some((child) => child.name === 'bytes');
}

/** The names in the features that the `datasets` library keeps in the file. */
function classNames({ key_value_metadata }: FileMetaData): ClassNames {
  const text = key_value_metadata?.find(({ key }) => key === 'huggingface')?.value;
  if (!text) return {};
  try {
    const features =
      (JSON.parse(text) as { info?: { features?: Record<string, unknown> } }).info?.features ?? {};
    const { objects, ...image } = features;
    return { image: namesWithin(image), objects: namesWithin(objects) };
  } catch {
    return {};
  }
}

function namesWithin(value: unknown): string[] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { names } = value as { names?: unknown };
  if (Array.isArray(names) && names.every((name) => typeof name === 'string')) return names;
  for (const inner of Object.values(value)) {
    const found = namesWithin(inner);
    if (found) return found;
  }
  return undefined;
}

function missingShards(dir: string, files: readonly string[]): DataError[] {
  const parts = new Map<string, { total: number; there: Set<number> }>();
  for (const file of files) {
    const [, split, index, total] = SHARD.exec(file) ?? [];
    if (!split) continue;
    const part = parts.get(split) ?? { total: Number(total), there: new Set<number>() };
    part.there.add(Number(index));
    parts.set(split, part);
  }
  return [...parts].flatMap(([split, { total, there }]) =>
    there.size < total
      ? [new DataError(`${dir}: of the ${total} files of ${split} ${total - there.size} are missing`)]
      : [],
  );
}
