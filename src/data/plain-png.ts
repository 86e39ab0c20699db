import { inflateSync } from 'node:zlib';
import type { Pixels } from './image-decoding.ts';

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
/** Chunks that change nothing of the pixels. Any other (a profile, transparency, an orientation) is libvips's to judge. */
const WITHOUT_EFFECT = new Set(['pHYs', 'tEXt', 'tIME', 'bKGD', 'sRGB', 'IEND']);
/** Larger images gain nothing: libvips works beside this thread, and what it costs to call it no longer counts. */
const MOST_PIXELS = 256 * 256;

/**
 * The pixels of a small, plain PNG: 8 bits, grey or RGB, no alpha, not interlaced, as the data sets that are drawn or
 * imported here hold them. A call of libvips costs a millisecond of processor time, the eight kilobytes of such an image
 * a fifth of it.
 *
 * @returns undefined for every other file, damaged ones too
 */
export function decodePlainPng(encoded: Uint8Array): Pixels | undefined {
  if (!SIGNATURE.every((byte, i) => encoded[i] === byte)) return undefined;
  const file = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
  const header = readHeader(file);
  if (!header) return undefined;
  const { width, height, channels } = header;
  const packed = dataOf(file);
  if (!packed) return undefined;
  const size = height * (1 + width * channels);
  let lines: Buffer;
  try {
    // A file of a few bytes may unpack to any number of them. The checksum of the data is checked on the way.
    lines = inflateSync(packed, { maxOutputLength: size });
  } catch {
    return undefined;
  }
  if (lines.length !== size) return undefined;
  const bytes = unfiltered(lines, width * channels, height, channels);
  return bytes && { data: channels === 3 ? bytes : inColour(bytes), width, height };
}

/** Of an image that is plain and small. */
function readHeader(file: Buffer): { width: number; height: number; channels: 1 | 3 } | undefined {
  if (file.length < 33 || file.readUInt32BE(8) !== 13 || file.toString('latin1', 12, 16) !== 'IHDR')
    return undefined;
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  const [depth, colour, compression, filter, interlace] = file.subarray(24, 29);
  if (depth !== 8 || compression !== 0 || filter !== 0 || interlace !== 0) return undefined;
  if (colour !== 0 && colour !== 2) return undefined;
  if (width === 0 || height === 0 || width * height > MOST_PIXELS) return undefined;
  return { width, height, channels: colour === 2 ? 3 : 1 };
}

/** What the IDAT chunks hold, where no chunk changes what it means. */
function dataOf(file: Buffer): Buffer | undefined {
  const parts: Buffer[] = [];
  for (let at = 33; ; ) {
    if (at + 12 > file.length) return undefined;
    const length = file.readUInt32BE(at);
    const type = file.toString('latin1', at + 4, at + 8);
    const end = at + 12 + length;
    if (end > file.length) return undefined;
    if (type === 'IDAT') parts.push(file.subarray(at + 8, at + 8 + length));
    else if (!WITHOUT_EFFECT.has(type)) return undefined;
    if (type === 'IEND') return parts.length === 1 ? parts[0] : Buffer.concat(parts);
    at = end;
  }
}

/**
 * Takes back the filters of the lines (PNG, third edition, section 9): each byte was stored as its difference from a
 * guess by the bytes to the left (a), above (b) and above left (c).
 *
 * @param lines [height, 1 + row], a filter before each line
 */
function unfiltered(lines: Buffer, row: number, height: number, step: number): Uint8Array | undefined {
  const out = new Uint8Array(row * height);
  for (let y = 0; y < height; y++) {
    const filter = lines[y * (row + 1)]!;
    const from = y * (row + 1) + 1;
    const to = y * row;
    // The line above the first is zeros.
    const above = y > 0 ? out.subarray(to - row, to) : new Uint8Array(row);
    if (filter === 0) {
      out.set(lines.subarray(from, from + row), to);
    } else if (filter === 1) {
      for (let x = 0; x < step; x++) out[to + x] = lines[from + x]!;
      for (let x = step; x < row; x++) out[to + x] = lines[from + x]! + out[to + x - step]!;
    } else if (filter === 2) {
      for (let x = 0; x < row; x++) out[to + x] = lines[from + x]! + above[x]!;
    } else if (filter === 3) {
      for (let x = 0; x < row; x++) {
        const left = x < step ? 0 : out[to + x - step]!;
        out[to + x] = lines[from + x]! + ((left + above[x]!) >> 1);
      }
    } else if (filter === 4) {
      for (let x = 0; x < step; x++) out[to + x] = lines[from + x]! + above[x]!;
      for (let x = step; x < row; x++) {
        out[to + x] = lines[from + x]! + nearestOf(out[to + x - step]!, above[x]!, above[x - step]!);
      }
    } else return undefined;
  }
  return out;
}

/** Paeth's guess: of a, b, c the one nearest to a + b − c; the first of equals. */
function nearestOf(a: number, b: number, c: number): number {
  const toA = Math.abs(b - c);
  const toB = Math.abs(a - c);
  const toC = Math.abs(a + b - 2 * c);
  if (toA <= toB && toA <= toC) return a;
  return toB <= toC ? b : c;
}

function inColour(grey: Uint8Array): Uint8Array {
  const data = new Uint8Array(grey.length * 3);
  for (let i = 0; i < grey.length; i++) data.fill(grey[i]!, i * 3, i * 3 + 3);
  return data;
}
