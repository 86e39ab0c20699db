import { join } from 'node:path';
import { DataError } from '../../../errors/index.ts';
import { RecordFile } from '../../record-file.ts';
import type { TellNote } from '../import-run/import-notes.ts';
import { listFolder } from '../reading/image-files.ts';

/** A TFRecord file, and the split that its name says. */
export interface RecordShard {
  file: string;
  split: string;
}

/** `-00000-of-00008` */
const SHARD = /-\d+-of-\d+/;
const RECORD_FILE = /(\.(tfrecords?|records?|tfrec)(\.gz)?(-\d+-of-\d+)?|-\d+-of-\d+)$/;

/** What a folder of TFRecords holds. */
export interface RecordFolder {
  shards: RecordShard[];
  /** Shards that are not there, though the names of others say how many there are. */
  problems: DataError[];
}

/** What TFDS and the Object Detection API keep beside their records. */
const KNOWN_BESIDE = /(\.labels\.txt|\.pbtxt|\.json|\.md|\.txt|\.csv)$/i;

/**
 * The TFRecord files of a folder, as they are called by TFDS (`voc-train.tfrecord-00000-of-00004`), in the Object
 * Detection API (`coco_train.record-00000-of-00010`, `pet_train.record`), and here (`train-00000-of-00008.tfrecord`).
 */
export async function listRecordFiles(dir: string, tell: TellNote): Promise<RecordFolder> {
  const { files, folders, odd } = await listFolder(dir);
  const shards: RecordShard[] = [];
  for (const file of files) {
    if (RECORD_FILE.test(file)) shards.push({ file, split: splitOf(file) });
    else if (!KNOWN_BESIDE.test(file))
      tell('files left out, they are not called like TFRecords', join(dir, file));
  }
  for (const folder of folders) tell('folders left out', join(dir, folder));
  for (const name of odd) tell('left out, neither a file nor a folder', join(dir, name));
  if (shards.length === 0) {
    throw new DataError(`${dir}: holds no TFRecord file, like train.record or train-00000-of-00008.tfrecord`);
  }
  return {
    shards,
    problems: missingShards(
      dir,
      files.filter((file) => RECORD_FILE.test(file)),
    ),
  };
}

function missingShards(dir: string, files: readonly string[]): DataError[] {
  const there = new Set(files);
  const missing = new Set<string>();
  for (const file of files) {
    const [part, , total] = /-(\d+)-of-(\d+)/.exec(file) ?? [];
    if (!part || Number(total) > MOST_SHARDS) continue;
    for (let i = 0; i < Number(total); i++) {
      const name = file.replace(part, `-${String(i).padStart(total!.length, '0')}-of-${total}`);
      if (!there.has(name)) missing.add(name);
    }
  }
  const [first] = missing;
  return first ? [new DataError(`${dir}: ${missing.size} shards are missing, the first is ${first}`)] : [];
}

const MOST_SHARDS = 100_000;

function splitOf(file: string): string {
  const ours = /^(.*)-\d+-of-\d+\.tfrecords?$/.exec(file)?.[1];
  if (ours) return ours;
  const stem = file.replace(SHARD, '').replace(RECORD_FILE, '');
  const tfds = /^[^-]*-(.+)$/.exec(stem)?.[1];
  return tfds ?? stem.slice(stem.lastIndexOf('_') + 1);
}

/** How many files are held open: more than there are reads at once, less than a process may open. */
const OPEN_FILES = 64;

/** Record files that are read here and there: those that were read last stay open. */
export class RecordShelf {
  readonly #files = new Map<string, Promise<RecordFile>>();

  async read(path: string, record: number, boundaries: Float64Array): Promise<Uint8Array> {
    const file = this.#files.get(path) ?? RecordFile.open(path, boundaries);
    this.#files.delete(path);
    this.#files.set(path, file);
    const [oldest] = this.#files.keys();
    if (this.#files.size > OPEN_FILES && oldest) {
      const closing = this.#files.get(oldest);
      this.#files.delete(oldest);
      closing?.then((opened) => opened.close()).catch(() => {});
    }
    return (await file).read(record);
  }
}
