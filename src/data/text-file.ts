import { createReadStream } from 'node:fs';
import { TextDecoder } from 'node:util';
import { DataError } from '../errors/index.ts';
import { fileFault, readBytes } from './file-bytes.ts';

/** More than any list or annotation of one image has. */
const MOST = 2 ** 26;

/**
 * Reads a text file of a data set. Bytes that are no text of its encoding are an error: replaced by a question mark
 * they would make one class of two.
 *
 * @param declared encoding that the file itself or the user names; a byte order mark goes before it @default UTF-8
 * @throws {DataError} `file:line: is not UTF-8 (byte 0xe9)`
 */
export async function readText(path: string, declared?: string): Promise<string> {
  return decodeText(await readBytes(path, MOST), path, declared);
}

/** As {@link readText}, for bytes that are there already. @param where beginning of the error message */
export function decodeText(bytes: Uint8Array, where: string, declared?: string): string {
  const encoding = markOf(bytes) ?? declared ?? 'utf-8';
  const decoder = decoderFor(encoding, where);
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    const { line, byte } = firstFault(bytes, decoder);
    throw new DataError(`${where}:${line}: ${notText(encoding, byte)}`, { cause });
  }
}

/** Text of a file of any size, piece by piece; see {@link readText}. */
export async function* textPieces(path: string, declared?: string): AsyncGenerator<string> {
  let decoder: TextDecoder | undefined;
  let [line, encoding] = [1, ''];
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) {
      encoding ||= markOf(chunk) ?? declared ?? 'utf-8';
      decoder ??= decoderFor(encoding, path);
      const text = decoder.decode(chunk, { stream: true });
      for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) line++;
      yield text;
    }
    yield decoder?.decode() ?? '';
  } catch (cause) {
    if (cause instanceof DataError) throw cause;
    if (cause instanceof TypeError)
      throw new DataError(`${path}: after line ${line}: ${notText(encoding)}`, { cause });
    throw new DataError(`${path}: ${fileFault(cause)}`, { cause });
  }
}

function notText(encoding: string, byte?: number): string {
  const which = byte === undefined ? '' : ` (byte 0x${byte.toString(16).padStart(2, '0')})`;
  return `is not ${encoding.toUpperCase()}${which}; save it as UTF-8`;
}

function decoderFor(encoding: string, where: string): TextDecoder {
  try {
    return new TextDecoder(encoding, { fatal: true });
  } catch (cause) {
    throw new DataError(`${where}: the encoding ${JSON.stringify(encoding)} is not known`, { cause });
  }
}

/** The encoding that the first bytes tell: a byte order mark, or UTF-16 without one (every other byte is 0). */
function markOf(bytes: Uint8Array): string | undefined {
  const [a, b, c] = bytes;
  if (a === 0xef && b === 0xbb && c === 0xbf) return 'utf-8';
  if ((a === 0xff && b === 0xfe) || (a !== 0 && b === 0 && bytes.length > 1)) return 'utf-16le';
  if ((a === 0xfe && b === 0xff) || (a === 0 && b !== 0 && bytes.length > 1)) return 'utf-16be';
  return undefined;
}

/** Where text stops being text: decoding is tried with ever smaller beginnings, by halves. */
function firstFault(bytes: Uint8Array, decoder: TextDecoder): { line: number; byte: number | undefined } {
  const isText = (length: number) => {
    try {
      decoder.decode(bytes.subarray(0, length), { stream: true });
      return true;
    } catch {
      return false;
    } finally {
      reset(decoder);
    }
  };
  let [good, bad] = [0, bytes.length];
  while (bad - good > 1) {
    const middle = (good + bad) >> 1;
    if (isText(middle)) good = middle;
    else bad = middle;
  }
  // The letter behind half a character shows the fault, the half is it.
  let at = good;
  while (at > good - 4 && bytes[at]! < 0xc0 && bytes[at - 1]! >= 0x80) at--;
  let line = 1;
  for (let i = 0; i < at; i++) if (bytes[i] === 0x0a) line++;
  return { line, byte: bytes[at] };
}

function reset(decoder: TextDecoder): void {
  try {
    decoder.decode();
  } catch {
    // What was left over is cut off, as meant.
  }
}
