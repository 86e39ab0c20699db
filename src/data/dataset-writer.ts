import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, UsageError } from '../errors/index.ts';
import { checkedName, GrowingFile, makeFolder, writeJson, writing } from '../files/index.ts';
import { type DatasetInfo, INFO_FILE, readDatasetInfo } from './dataset-info.ts';
import { encodeExample, type ImageExample } from './image-example.ts';
import { frameRecord } from './record-framing.ts';

/** Unfinished files carry the id of their process, so that two imports do not write into one another's. */
const PARTIAL = `.${process.pid}.partial`;

export interface DatasetWriterOptions {
  /** Number of shards of each split, to which the examples are dealt in turn. @default as many as `shardBytes` asks for */
  shards?: number;
  /** A new shard is begun when one holds this many bytes; not used with `shards`. @default 64 MiB */
  shardBytes?: number;
}

/**
 * Writes a data set: shards `train-00000-of-00008.tfrecord` of each split, and `dataset.json`.
 *
 * Nothing half-written can be taken for a data set: shards grow under names that end in `.partial`; only
 * {@link DatasetWriter.finish} gives them their names and writes `dataset.json`, last. A data set that was in the
 * folder before stays whole until then.
 */
export class DatasetWriter {
  readonly #dir: string;
  readonly #info: Omit<DatasetInfo, 'splits'>;
  readonly #groups = new Set<string>();
  readonly #splits = new Map<string, SplitWriter>();

  private constructor(dir: string, info: Omit<DatasetInfo, 'splits'>) {
    this.#dir = dir;
    this.#info = info;
  }

  /**
   * @param dir made when it is not there
   * @param info name, classes and kind of the data set
   * @param splits names of its splits, in the order in which `dataset.json` will list them
   * @throws {UsageError} for a number or size of shards that is not positive
   * @throws {DataError} for the name of a split that cannot be the name of a file
   */
  static async create(
    dir: string,
    info: Omit<DatasetInfo, 'splits'>,
    splits: readonly string[],
    options: DatasetWriterOptions = {},
  ): Promise<DatasetWriter> {
    const { shards, shardBytes = 64 * 2 ** 20 } = options;
    if (shards !== undefined && !(Number.isInteger(shards) && shards > 0)) {
      throw new UsageError(`the number of shards must be a positive integer, not ${shards}`);
    }
    if (!(shardBytes > 0)) throw new UsageError(`the size of a shard must be positive, not ${shardBytes}`);
    for (const split of splits) checkedName(split, 'split');
    await writing(
      dir,
      async () => {
        await makeFolder(dir);
        await removeFiles(dir, isAbandoned);
      },
      DataError,
    );
    const writer = new DatasetWriter(dir, info);
    for (const split of splits) writer.#splits.set(split, new SplitWriter(dir, split, shards, shardBytes));
    return writer;
  }

  /**
   * Appends an example to a split. Calls for one split must wait for one another.
   *
   * @throws {UsageError} for a clip in a data set of images, and the other way round
   */
  async write(split: string, example: ImageExample): Promise<void> {
    const writer = this.#splits.get(split);
    if (!writer) throw new Error(`the writer was created without the split ${split}`);
    if ((example.frames !== undefined) !== (this.#info.clips ?? false)) {
      throw new UsageError(
        `${example.filename}: ${this.#info.clips ? 'an image, in a data set of clips' : 'a clip, in a data set of images'}`,
      );
    }
    await writer.write(encodeExample(example, this.#info.classes));
    if (example.group) this.#groups.add(example.group);
  }

  /** Gives the shards their names and writes `dataset.json`: from here on the data set exists. */
  async finish(): Promise<DatasetInfo> {
    const writers = [...this.#splits];
    await Promise.all(writers.map(([, writer]) => writer.close()));
    await this.#removeFormer();

    const splits: DatasetInfo['splits'] = {};
    for (const [split, writer] of writers) {
      splits[split] = { examples: writer.examples, shards: await writer.publish() };
    }
    const { name, classes, multiLabel, ...rest } = this.#info;
    const groups = this.#groups.size > 0 && { groups: [...this.#groups].sort() };
    const info: DatasetInfo = { name, classes, multiLabel, ...groups, splits, ...rest };
    const path = join(this.#dir, INFO_FILE);
    await writeJson(path, info, { as: DataError });
    return info;
  }

  /** Removes the data set that is being replaced, and no other files. */
  async #removeFormer(): Promise<void> {
    const former = await readDatasetInfo(this.#dir).catch(() => undefined);
    await rm(join(this.#dir, INFO_FILE), { force: true });
    const shards = new Set(Object.values(former?.splits ?? {}).flatMap((split) => split.shards));
    await removeFiles(this.#dir, (file) => shards.has(file));
  }

  /** Removes what was written. For the way out after an error. */
  async abort(): Promise<void> {
    await Promise.all([...this.#splits.values()].map((writer) => writer.abandon()));
  }
}

interface OpenShard {
  readonly file: GrowingFile;
  bytes: number;
}

class SplitWriter {
  examples = 0;
  readonly #dir: string;
  readonly #split: string;
  readonly #shards: number | undefined;
  readonly #shardBytes: number;
  readonly #files: GrowingFile[] = [];
  /** The shards that grow: one, or the wanted number of them. */
  readonly #open: OpenShard[] = [];

  constructor(dir: string, split: string, shards: number | undefined, shardBytes: number) {
    this.#dir = dir;
    this.#split = split;
    this.#shards = shards;
    this.#shardBytes = shardBytes;
  }

  async write(record: Uint8Array): Promise<void> {
    if (!this.#shards && this.#open[0] && this.#open[0].bytes >= this.#shardBytes) await this.close();
    const slot = this.#shards ? this.examples % this.#shards : 0;
    const shard = this.#open[slot] ?? (await this.#begin());
    this.#open[slot] = shard;
    await shard.file.write(frameRecord(record));
    shard.bytes += record.length;
    this.examples++;
  }

  async close(): Promise<void> {
    for (const { file } of this.#open.splice(0)) await file.close();
  }

  async publish(): Promise<string[]> {
    const total = String(this.#files.length).padStart(5, '0');
    const names = this.#files.map(
      (_, i) => `${this.#split}-${String(i).padStart(5, '0')}-of-${total}.tfrecord`,
    );
    for (const [i, name] of names.entries()) await this.#files[i]!.finish(join(this.#dir, name));
    return names;
  }

  async abandon(): Promise<void> {
    for (const file of this.#files) await file.abandon();
  }

  async #begin(): Promise<OpenShard> {
    const path = join(this.#dir, `${this.#split}-${String(this.#files.length).padStart(5, '0')}`);
    const file = await GrowingFile.create(path, { as: DataError, temporary: path + PARTIAL });
    this.#files.push(file);
    return { file, bytes: 0 };
  }
}

/** Whether a file was left unfinished by a process that is no more, or by this one. */
function isAbandoned(file: string): boolean {
  const pid = Number(/\.(\d+)\.partial$/.exec(file)?.[1]);
  if (!pid) return false;
  try {
    return pid === process.pid || !process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ESRCH';
  }
}

async function removeFiles(dir: string, matches: (file: string) => boolean): Promise<void> {
  const files = (await readdir(dir)).filter(matches);
  await Promise.all(files.map((file) => rm(join(dir, file), { force: true })));
}
