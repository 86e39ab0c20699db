import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { inflateSync } from 'node:zlib';

/** A glyph of 16 units from top to bottom, of which 14 are above the base line. */
export interface UnifontGlyph {
  /** 8 or 16; 0 of a mark that stands on the letter before it. */
  readonly width: number;
  /** Squares as an SVG path, to be filled; y grows downwards from the base line. */
  readonly path: string;
}

/**
 * GNU Unifont (OFL-1.1), which has a glyph for every character of Unicode's first plane: Greek, Cyrillic, Hebrew, Arabic,
 * Indic scripts, Chinese, Japanese, Korean and all the others, in 3 MB. Its outlines are read here and drawn as paths,
 * because the machines that training runs on have no fonts, and those that have some have different ones.
 *
 * @returns undefined where it has no glyph: other planes (emoji, rare ideographs), characters that are not assigned
 */
export function unifontGlyph(character: string): UnifontGlyph | undefined {
  const codePoint = character.codePointAt(0)!;
  if (!known.has(codePoint)) {
    font ??= readFont();
    known.set(codePoint, font(codePoint));
  }
  return known.get(codePoint);
}

const known = new Map<number, UnifontGlyph | undefined>();
let font: ((codePoint: number) => UnifontGlyph | undefined) | undefined;

/** Reads what is needed of a WOFF file (W3C, WOFF 1.0): an OpenType font whose tables are compressed by zlib. */
function readFont(): (codePoint: number) => UnifontGlyph | undefined {
  const path = createRequire(import.meta.url).resolve(
    '@fontsource/unifont/files/unifont-latin-400-normal.woff',
  );
  const file = readFileSync(path);
  const table = (tag: string) => {
    for (let at = 44; at < 44 + 20 * file.readUInt16BE(12); at += 20) {
      if (file.toString('latin1', at, at + 4) !== tag) continue;
      const [offset, packed, length] = [4, 8, 12].map((i) => file.readUInt32BE(at + i)) as [
        number,
        number,
        number,
      ];
      const content = file.subarray(offset, offset + packed);
      return packed < length ? inflateSync(content) : content;
    }
    throw new Error(`the font has no table ${tag}`);
  };
  const [head, hhea, hmtx, loca, glyf] = ['head', 'hhea', 'hmtx', 'loca', 'glyf'].map(table) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  const glyphIndex = characterMap(table('cmap'));
  const scale = 16 / head.readUInt16BE(18);
  const wide = head.readInt16BE(50) === 1;
  const place = (index: number) => (wide ? loca.readUInt32BE(4 * index) : 2 * loca.readUInt16BE(2 * index));
  const metrics = hhea.readUInt16BE(34);
  return (codePoint) => {
    const index = glyphIndex(codePoint);
    if (index === 0) return undefined;
    const width = hmtx.readUInt16BE(4 * Math.min(index, metrics - 1)) * scale;
    const outline = glyf.subarray(place(index), place(index + 1));
    return { width, path: outline.length === 0 ? '' : polygons(outline, scale) };
  };
}

/** The segments of a character map of format 4 (OpenType specification, cmap), from code point to glyph; 0 for none. */
function characterMap(cmap: Buffer): (codePoint: number) => number {
  let map: Buffer | undefined;
  for (let i = 0; i < cmap.readUInt16BE(2); i++) {
    const candidate = cmap.subarray(cmap.readUInt32BE(4 + 8 * i + 4));
    if (candidate.readUInt16BE(0) === 4) map = candidate;
  }
  if (!map) throw new Error('the font has no character map of format 4');
  const segments = map.readUInt16BE(6);
  const [ends, starts, deltas, offsets] = [14, 16 + segments, 16 + 2 * segments, 16 + 3 * segments];
  return (codePoint) => {
    for (let at = 0; at < segments; at += 2) {
      if (codePoint > map.readUInt16BE(ends + at)) continue;
      const start = map.readUInt16BE(starts + at);
      if (codePoint < start) return 0;
      const [delta, offset] = [map.readUInt16BE(deltas + at), map.readUInt16BE(offsets + at)];
      if (offset === 0) return (codePoint + delta) & 0xffff;
      const glyph = map.readUInt16BE(offsets + at + offset + 2 * (codePoint - start));
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    }
    return 0;
  };
}

/** The contours of a simple glyph (OpenType specification, glyf). Unifont's are squares: lines between points. */
function polygons(outline: Buffer, scale: number): string {
  const contours = outline.readInt16BE(0);
  if (contours <= 0) return '';
  const ends = Array.from({ length: contours }, (_, i) => outline.readUInt16BE(10 + 2 * i));
  const count = ends.at(-1)! + 1;
  let at = 10 + 2 * contours;
  at += 2 + outline.readUInt16BE(at);
  const flags: number[] = [];
  while (flags.length < count) {
    const flag = outline[at++]!;
    for (let again = flag & 8 ? outline[at++]! : 0; again >= 0; again--) flags.push(flag);
  }
  const coordinates = (short: number, same: number) => {
    let value = 0;
    return flags.map((flag) => {
      if (flag & short) {
        value += flag & same ? outline[at]! : -outline[at]!;
        at += 1;
      } else if (!(flag & same)) {
        value += outline.readInt16BE(at);
        at += 2;
      }
      return value * scale;
    });
  };
  const x = coordinates(2, 16);
  const y = coordinates(4, 32);
  let [path, from] = ['', 0];
  for (const end of ends) {
    for (let i = from; i <= end; i++) path += `${i === from ? 'M' : 'L'}${x[i]} ${-y[i]!}`;
    path += 'Z';
    from = end + 1;
  }
  return path;
}
