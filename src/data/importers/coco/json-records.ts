import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { DataError } from '../../../errors/index.ts';
import { fileFault } from '../../file-bytes.ts';
import { decodeText } from '../../text-file.ts';
import { withoutNaN } from '../reading/json-file.ts';

/** Where an element of an array lies in a JSON file. */
export interface JsonPlace {
  /** Name of the array, and the number of the element in it, from 0. */
  key: string;
  index: number;
  /** Line on which the element begins, from 1. */
  line: number;
  /** Its bytes. */
  offset: number;
  length: number;
}

/** `file:line: annotations[12]`, the beginning of messages. */
export function describePlace(path: string, { key, index, line }: JsonPlace): string {
  return `${path}:${line}: ${key}[${index}]`;
}

const [QUOTE, BACKSLASH, COLON, NEWLINE] = [0x22, 0x5c, 0x3a, 0x0a];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];

/**
 * Walks over the objects in the arrays of a JSON file such as `{"images": [{…}, …], "annotations": [{…}, …]}`, which
 * may be larger than memory: each object is parsed on its own and handed over with its place in the file, from where
 * {@link readJsonPlaces} reads it again, so that nothing of it needs to be kept.
 *
 * The walk itself looks at brackets and strings only: a parser that makes a token of every number (stream-json) takes
 * ten times as long, and tells no lines.
 *
 * @param onRecord called for each object of the arrays named `keys`, in the order of the file
 * @param onProgress bytes done, and in all
 * @returns the names of all arrays that were found
 * @param onProblem takes the error of an object that is no JSON, `file:line: key[index]: …`; the walk goes on behind it
 * @throws {DataError} `file:line: …` for a file that is no JSON object, or ends in the middle of it
 */
export async function walkJsonRecords(
  path: string,
  keys: readonly string[],
  onRecord: (record: unknown, place: JsonPlace) => void,
  onProblem: (problem: DataError) => void,
  onProgress: (done: number, total: number) => void = () => {},
): Promise<Set<string>> {
  const status = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    throw new DataError(`${path}: ${fileFault(cause)}`, { cause });
  });
  if (!status.isFile())
    throw new DataError(`${path}: is ${status.isDirectory() ? 'a folder' : 'no plain file'}`);
  const { size } = status;
  const walker = new JsonWalker(path, new Set(keys), onRecord, onProblem);
  let done = 0;
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) {
    walker.walk(chunk as Buffer);
    done += (chunk as Buffer).length;
    onProgress(done, size);
  }
  walker.end();
  return walker.found;
}

class JsonWalker {
  readonly found = new Set<string>();
  readonly #path: string;
  readonly #keys: ReadonlySet<string>;
  readonly #onRecord: (record: unknown, place: JsonPlace) => void;
  readonly #onProblem: (problem: DataError) => void;

  #position = 0;
  #line = 1;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** The last string of the top level, a key once a colon follows it; its bytes while it is being read. */
  #text: number[] = [];
  #key = '';
  #index = 0;
  #start: { offset: number; line: number } | undefined;
  /** What earlier chunks hold of the object that is being read. */
  #pieces: Buffer[] = [];

  constructor(
    path: string,
    keys: ReadonlySet<string>,
    onRecord: (record: unknown, place: JsonPlace) => void,
    onProblem: (problem: DataError) => void,
  ) {
    this.#path = path;
    this.#keys = keys;
    this.#onRecord = onRecord;
    this.#onProblem = onProblem;
  }

  walk(chunk: Buffer): void {
    let pieceStart = 0;
    if (this.#position === 0 && (chunk[0] === 0 || chunk[1] === 0 || chunk[0]! >= 0xfe)) {
      throw new DataError(`${this.#path}:1: is not UTF-8, as JSON has to be; save it as UTF-8`);
    }
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i]!;
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
        if (this.#inString && this.#depth === 1) this.#text.push(byte);
      } else if (byte === QUOTE) {
        this.#inString = true;
        if (this.#depth === 1) this.#text = [];
      } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        this.#opens(byte, this.#position + i);
        if (this.#start?.offset === this.#position + i) pieceStart = i;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth--;
        if (this.#depth === 2 && this.#start) this.#finish(chunk.subarray(pieceStart, i + 1));
      } else if (byte === NEWLINE) {
        this.#line++;
      } else if (byte === COLON && this.#depth === 1) {
        this.#key = decodeText(Uint8Array.from(this.#text), `${this.#path}:${this.#line}`);
        this.#index = 0;
      }
    }
    if (this.#start) this.#pieces.push(chunk.subarray(pieceStart));
    this.#position += chunk.length;
  }

  end(): void {
    if (this.#position === 0 || (this.#depth === 0 && this.found.size === 0)) {
      throw new DataError(`${this.#path}:1: expected a JSON object with arrays`);
    }
    if (this.#depth !== 0 || this.#inString) {
      throw new DataError(`${this.#path}:${this.#line}: ends in the middle of ${this.#key}[${this.#index}]`);
    }
  }

  #opens(byte: number, offset: number): void {
    if (this.#depth === 0 && byte !== OPEN_BRACE) {
      throw new DataError(`${this.#path}:${this.#line}: expected a JSON object, found a list`);
    }
    if (this.#depth === 1 && byte === OPEN_BRACKET) this.found.add(this.#key);
    if (this.#depth === 2 && this.#keys.has(this.#key)) this.#start = { offset, line: this.#line };
    this.#depth++;
  }

  #finish(last: Buffer): void {
    const { offset, line } = this.#start!;
    const bytes = this.#pieces.length > 0 ? Buffer.concat([...this.#pieces, last]) : last;
    const place = { key: this.#key, index: this.#index++, line, offset, length: bytes.length };
    this.#start = undefined;
    this.#pieces = [];
    let record: unknown;
    try {
      record = parse(bytes, this.#path, place);
    } catch (error) {
      if (!(error instanceof DataError)) throw error;
      this.#onProblem(error);
      return;
    }
    this.#onRecord(record, place);
  }
}

/** Reads elements again. Their order is that of the places. */
export async function readJsonPlaces(path: string, places: readonly JsonPlace[]): Promise<unknown[]> {
  const file = await open(path, 'r');
  try {
    const records: unknown[] = [];
    for (const place of places) {
      const bytes = Buffer.alloc(place.length);
      await file.read(bytes, 0, place.length, place.offset);
      records.push(parse(bytes, path, place));
    }
    return records;
  } finally {
    await file.close();
  }
}

function parse(bytes: Buffer, path: string, place: JsonPlace): unknown {
  const where = describePlace(path, place);
  const text = decodeText(bytes, where);
  try {
    return JSON.parse(text);
  } catch (cause) {
    const standard = withoutNaN(text);
    try {
      return JSON.parse(standard);
    } catch {
      throw new DataError(`${where}: ${(cause as Error).message}`, { cause });
    }
  }
}
