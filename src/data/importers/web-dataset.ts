import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Header } from 'tar-stream';
import { DataError } from '../../errors/index.ts';
import { decodeText } from '../text-file.ts';
import { labelledRow } from './hugging-face/labelled-row.ts';
import type { ImportSource } from './import-run/import-examples.ts';
import { ImportNotes, type TellNote } from './import-run/import-notes.ts';
import {
  type AnnotatedImage,
  type AnnotatedSourceOptions,
  annotatedSource,
} from './reading/annotated-image.ts';
import { listFolder } from './reading/image-files.ts';
import { parseJson } from './reading/json-file.ts';

const IMAGE = /^(jpe?g|png|webp|gif|tiff?|avif)$/i;
/** Members that say what an image is; each is small. */
const LABEL = /^(cls|label|txt|json)$/i;
const MOST_LABEL_BYTES = 2 ** 20;

interface Sample {
  key: string;
  image?: { offset: number; size: number };
  labels: Map<string, string>;
}

/**
 * Finds images in the tar files of a WebDataset: members of one name, up to its first dot, belong together: an image, and
 * `.cls` (the number or name of its class), `.json` (`label`, `objects`) or, where there is neither, `.txt` (the name).
 * The split is the beginning of the file's name, as in `train-000000.tar`.
 *
 * @throws {DataError} that names the tar file and the member
 */
export async function findWebDataset(
  dir: string,
  options: AnnotatedSourceOptions = {},
): Promise<ImportSource> {
  const notes = new ImportNotes();
  const problems: DataError[] = [];
  const listing = await listFolder(dir);
  const tars = listing.files.filter((file) => file.endsWith('.tar'));
  for (const file of listing.files)
    if (!file.endsWith('.tar')) notes.tell('files left out, they are no tar', join(dir, file));
  for (const folder of listing.folders) notes.tell('folders left out', join(dir, folder));
  if (tars.length === 0) throw new DataError(`${dir}: holds no tar file, like train-000000.tar`);
  const images: AnnotatedImage[] = [];
  const named = options.classes;
  for (const tar of tars) {
    const path = join(dir, tar);
    const split = tar.replace(/([-_.]?\d+)?(-of-\d+)?\.tar$/, '') || 'train';
    try {
      for (const sample of await samplesIn(path, notes.tell)) {
        const where = `${path}: ${sample.key}`;
        if (!sample.image) {
          notes.tell('samples left out, they have no image', where);
          continue;
        }
        try {
          const { image } = sample;
          images.push({
            source: () => readMember(path, image),
            name: sample.key,
            where,
            split,
            ...labelledRow(rowOf(sample, where), { image: named, objects: named }, where),
          });
        } catch (error) {
          if (!(error instanceof DataError)) throw error;
          problems.push(error);
        }
      }
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      problems.push(error);
    }
  }
  return annotatedSource('webdataset', images, options, notes, problems);
}

function rowOf({ labels }: Sample, where: string): Record<string, unknown> {
  const json = labels.get('json');
  let row: Record<string, unknown> = {};
  if (json !== undefined) {
    const parsed = parseJson(json, `${where}.json`);
    row =
      typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)
        ? { ...parsed }
        : { label: parsed };
  }
  const told =
    labels.get('cls') ??
    labels.get('label') ??
    (row.label === undefined && !row.objects ? labels.get('txt') : undefined);
  if (told !== undefined) row.label = /^\d+$/.test(told.trim()) ? Number(told) : told;
  if (row.label === undefined && !row.objects)
    throw new DataError(`${where}: has no class: neither .cls nor a label in .json`);
  return row;
}

async function samplesIn(path: string, tell: TellNote): Promise<Sample[]> {
  const samples = new Map<string, Sample>();
  // Loaded late, as every program imports this module and few read archives.
  const { extract } = await import('tar-stream');
  const tar = extract();
  const read = async () => {
    for await (const entry of tar) {
      const { name, type, size = 0, byteOffset } = entry.header as Header & { byteOffset: number };
      const [, key, ending] = /^((?:.*\/)?[^/.]+)\.([^/]+)$/.exec(name) ?? [];
      const known = key !== undefined && type === 'file' && (IMAGE.test(ending!) || LABEL.test(ending!));
      if (known) {
        const sample = samples.get(key) ?? { key, labels: new Map<string, string>() };
        samples.set(key, sample);
        if (IMAGE.test(ending!)) {
          if (sample.image) tell('further images of a sample left out', `${path}: ${name}`);
          else sample.image = { offset: byteOffset, size };
        } else if (size > MOST_LABEL_BYTES) {
          throw new DataError(`${path}: ${name}: has ${size} bytes, the most is ${MOST_LABEL_BYTES}`);
        } else {
          const pieces: Uint8Array[] = [];
          for await (const piece of entry) pieces.push(piece as Uint8Array);
          sample.labels.set(ending!.toLowerCase(), decodeText(Buffer.concat(pieces), `${path}: ${name}`));
          continue;
        }
      } else if (type === 'file')
        tell('members left out, they are neither image nor label', `${path}: ${name}`);
      entry.resume();
    }
  };
  try {
    await Promise.all([pipeline(createReadStream(path), tar), read()]);
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    throw new DataError(`${path}: cannot be read as tar: ${(cause as Error).message}`, { cause });
  }
  return [...samples.values()];
}

async function readMember(
  path: string,
  { offset, size }: { offset: number; size: number },
): Promise<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const bytes = new Uint8Array(size);
    await file.read(bytes, 0, size, offset);
    return bytes;
  } finally {
    await file.close();
  }
}
