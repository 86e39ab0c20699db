import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { finished } from 'node:stream/promises';
import { Example, RecordWriter } from 'tfrecord-stream';
import { FeatureReader } from './feature-reader.ts';
import { readRecords } from './record-file.ts';

/** What a network said of one example of a data set. */
export interface StoredAnswer {
  /** File and record of the example, as in `HostBatch.ids`. */
  readonly id: string;
  /** [C]. */
  readonly logits: Float32Array;
  /** Maps of some classes, [h·w] each. */
  readonly maps: ReadonlyMap<number, Float32Array>;
}

/**
 * Writes answers to a TFRecord file beside the data set, one `tf.train.Example` each: `id`, `logits`, `map/class`,
 * `map/values` (the maps one after the other). The file gets its name when it is complete.
 */
export async function writeAnswers(
  path: string,
  answers: AsyncIterable<StoredAnswer> | Iterable<StoredAnswer>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const partial = `${path}.${process.pid}.partial`;
  const stream = createWriteStream(partial);
  const closed = finished(stream);
  closed.catch(() => {}); // reported by the write that fails
  try {
    const records = await RecordWriter.createFromStream(stream);
    for await (const answer of answers) await records.writeRecord(Buffer.from(encode(answer)));
    await records.close();
    await closed;
    await rename(partial, path);
  } catch (error) {
    stream.destroy();
    await rm(partial, { force: true });
    throw error;
  }
}

/**
 * Reads all answers of a file, by the id of their example.
 *
 * @throws {DataError} naming file, record and feature that is damaged
 */
export async function readAnswers(path: string): Promise<Map<string, StoredAnswer>> {
  const answers = new Map<string, StoredAnswer>();
  let record = 0;
  for await (const bytes of readRecords(path)) {
    const features = new FeatureReader(bytes, `${path}, record ${record++}`);
    const classes = features.integers('map/class');
    const values = features.floats('map/values');
    if (classes.length > 0 && values.length % classes.length !== 0) {
      features.fail('map/values', `has ${values.length} values for ${classes.length} maps`);
    }
    const size = values.length / Math.max(1, classes.length);
    const id = features.text('id');
    const maps = classes.map(
      (c, i) => [c, Float32Array.from(values.slice(i * size, (i + 1) * size))] as const,
    );
    answers.set(id, { id, logits: Float32Array.from(features.floats('logits')), maps: new Map(maps) });
  }
  return answers;
}

function encode({ id, logits, maps }: StoredAnswer): Uint8Array {
  const feature = {
    id: { bytesList: { value: [Buffer.from(id)] } },
    logits: { floatList: { value: [...logits] } },
    'map/class': { int64List: { value: [...maps.keys()] } },
    'map/values': { floatList: { value: [...maps.values()].flatMap((map) => [...map]) } },
  };
  return Example.encode({ features: { feature } }).finish();
}
