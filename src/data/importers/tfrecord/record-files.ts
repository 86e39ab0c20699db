import { DataError } from '../../../errors/index.ts';
import { RecordFile } from '../../record-file.ts';
import { listFolder } from '../reading/image-files.ts';

/** A TFRecord file, and the split that its name says. */
export interface RecordShard {
  file: string;
  split: string;
}

/** `-00000-of-00008` */
const SHARD = /-\d+-of-\d+/;
const RECORD_FILE = /(\.(tfrecords?|records?|tfrec)(\.gz)?(-\d+-of-\d+)?|-\d+-of-\d+)$/;

/**
 * The TFRecord files of a folder, as they are called by TFDS (`voc-train.tfrecord-00000-of-00004`), in the Object
 * Detection API (`coco_train.record-00000-of-00010`, `pet_train.record`), and here (`train-00000-of-00008.tfrecord`).
 */
export async function listRecordFiles(dir: string): Promise<RecordShard[]> {
  const { files } = await listFolder(dir);
  const shards = files
    .filter((file) => RECORD_FILE.test(file))
    .map((file) => ({ file, split: splitOf(file) }));
  if (shards.length === 0) {
    throw new DataError(`${dir}: holds no TFRecord file, like train.record or train-00000-of-00008.tfrecord`);
  }
  return shards;
}

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
