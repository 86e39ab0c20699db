import { TextDecoder } from 'node:util';
import { Example } from 'tfrecord-stream';
import { DataError } from '../errors/index.ts';

/** Typed access to the features of one example, with errors that name them. */
export class FeatureReader {
  readonly #features: NonNullable<NonNullable<Example['features']>['feature']>;
  readonly #where: string;

  constructor(bytes: Uint8Array, where: string) {
    this.#where = where;
    try {
      this.#features = Example.decode(bytes).features?.feature ?? {};
    } catch (cause) {
      throw new DataError(`${where}: is not a tf.train.Example: ${(cause as Error).message}`, { cause });
    }
  }

  has(name: string): boolean {
    return Object.hasOwn(this.#features, name);
  }

  bytes(name: string): Uint8Array[] {
    return this.#list(name, 'bytesList') as Uint8Array[];
  }

  floats(name: string): number[] {
    return this.#list(name, 'floatList') as number[];
  }

  /** int64 arrives as a Long; all that we store fits a double. */
  integers(name: string): number[] {
    return this.#list(name, 'int64List').map(Number);
  }

  /** A list of strings, [] where the feature is absent. Bytes that are not UTF-8 are an error: they could make one name of two. */
  texts(name: string): string[] {
    if (!this.has(name)) return [];
    return this.bytes(name).map((bytes) => {
      try {
        return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
      } catch {
        return this.fail(name, `"${Buffer.from(bytes).toString()}" is not UTF-8`);
      }
    });
  }

  /** The first of a list of strings, '' where the feature is absent. */
  text(name: string): string {
    return this.texts(name)[0] ?? '';
  }

  fail(name: string, rule: string): never {
    throw new DataError(`${this.#where}: feature ${name}: ${rule}`);
  }

  #list(name: string, kind: keyof typeof LISTS): unknown[] {
    const feature = this.has(name) ? this.#features[name] : undefined;
    if (!feature) return this.fail(name, 'is missing');
    const found = (Object.keys(LISTS) as (keyof typeof LISTS)[]).find((list) => feature[list]);
    if (found && found !== kind) this.fail(name, `expected ${LISTS[kind]}, found ${LISTS[found]}`);
    return feature[kind]?.value ?? [];
  }
}

const LISTS = { bytesList: 'bytes', floatList: 'floats', int64List: 'int64s' } as const;
