import { Example } from 'tfrecord-stream';
import { DataError } from '../errors/index.ts';
import { GrowingFile } from '../files/index.ts';
import { FeatureReader } from './feature-reader.ts';
import { readRecords } from './record-file.ts';
import { frameRecord } from './record-framing.ts';

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
  const file = await GrowingFile.create(path, { as: DataError });
  try {
    for await (const answer of answers) await file.write(frameRecord(encode(answer)));
    await file.finish();
  } catch (error) {
    await file.abandon();
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
