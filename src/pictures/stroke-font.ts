/**
 * A small font of our own, drawn with a round pen, so that pictures carry the same text on every machine: the
 * bare ones that training runs on have no fonts.
 *
 * Each glyph is its width and the pen's way as an SVG path. Capitals stand between y = 0 and the base line at
 * y = 14, small letters begin at y = 4, descenders end at y = 18.5.
 */
const GLYPHS: Record<string, readonly [width: number, path: string]> = {
  ' ': [2.5, ''],
  A: [10, 'M0 14L5 0L10 14M1.8 9.3H8.2'],
  B: [
    9,
    'M0 0V14H5C7.6 14 9 12.6 9 10.3C9 8 7.5 6.7 5 6.7H0M0 14V0H4.6C6.9 0 8.2 1.2 8.2 3.3C8.2 5.5 6.9 6.7 4.6 6.7',
  ],
  C: [10, 'M10 3A5.5 7 0 1 0 10 11'],
  D: [10, 'M0 0V14H3.5C8 14 10 11.5 10 7C10 2.5 8 0 3.5 0Z'],
  E: [8, 'M8 0H0V14H8M0 6.8H7'],
  F: [8, 'M8 0H0V14M0 6.8H7'],
  G: [10.5, 'M10 3A5.5 7 0 1 0 10.3 10.4V7.4H6.3'],
  H: [9.5, 'M0 0V14M9.5 0V14M0 6.8H9.5'],
  I: [0, 'M0 0V14'],
  J: [6, 'M6 0V10C6 12.7 5 14 3 14C1.2 14 .2 13 0 11'],
  K: [9, 'M0 0V14M8.5 0L0 8.6M3.2 5.5L9 14'],
  L: [7.5, 'M0 0V14H7.5'],
  M: [11.4, 'M0 14V0L5.7 9.5L11.4 0V14'],
  N: [9.5, 'M0 14V0L9.5 14V0'],
  O: [11.2, 'M0 7a5.6 7 0 1 1 11.2 0a5.6 7 0 1 1-11.2 0'],
  P: [9, 'M0 14V0H5C7.6 0 9 1.5 9 4C9 6.5 7.6 8 5 8H0'],
  Q: [11.2, 'M0 7a5.6 7 0 1 1 11.2 0a5.6 7 0 1 1-11.2 0M7.2 10.6L11 15'],
  R: [9.2, 'M0 14V0H5C7.6 0 9 1.5 9 4C9 6.5 7.6 8 5 8H0M5 8L9.2 14'],
  S: [
    9,
    'M8.6 2.6C7.8 .9 6.5 0 4.6 0C2.2 0 .6 1.4 .6 3.5C.6 8.6 9 5.4 9 10.3C9 12.6 7.2 14 4.7 14C2.3 14 .7 12.9 0 10.9',
  ],
  T: [10, 'M0 0H10M5 0V14'],
  U: [9.6, 'M0 0V8.8C0 12.2 1.8 14 4.8 14C7.8 14 9.6 12.2 9.6 8.8V0'],
  V: [10, 'M0 0L5 14L10 0'],
  W: [14.6, 'M0 0L3.6 14L7.3 1L11 14L14.6 0'],
  X: [9.3, 'M.3 0L9.3 14M9 0L0 14'],
  Y: [9.4, 'M0 0L4.7 7.2L9.4 0M4.7 7.2V14'],
  Z: [9.2, 'M.4 0H8.8L0 14H9.2'],
  a: [8, 'M8 9a4 5 0 1 1-8 0a4 5 0 1 1 8 0M8 4V14'],
  b: [8, 'M0 0V14M0 9a4 5 0 1 1 8 0a4 5 0 1 1-8 0'],
  c: [7.2, 'M7.2 6A4 5 0 1 0 7.2 12'],
  d: [8, 'M8 0V14M8 9a4 5 0 1 1-8 0a4 5 0 1 1 8 0'],
  e: [8, 'M0 9H8A4 5 0 1 0 7.2 12'],
  f: [5.4, 'M5.8 .3C3.5-.4 2.3 .8 2.3 3V14M0 4.6H5.4'],
  g: [8, 'M8 9a4 5 0 1 1-8 0a4 5 0 1 1 8 0M8 4V14C8 19.2 2 19.4 .6 16.6'],
  h: [7.5, 'M0 0V14M0 8C.5 5.5 2 4 4 4C6.3 4 7.5 5.5 7.5 8V14'],
  i: [0, 'M0 4V14M0 .2V.5'],
  j: [2, 'M2 4V15.5C2 17.6 1 18.4-.8 18.1M2 .2V.5'],
  k: [7, 'M0 0V14M6.6 4L0 10.4M2.7 7.8L7 14'],
  l: [2.4, 'M0 0V11.4C0 13.4 .8 14.1 2.4 13.9'],
  m: [
    11.8,
    'M0 4V14M0 8C.4 5.5 1.6 4 3.3 4C5.2 4 5.9 5.4 5.9 7.5V14M5.9 7.8C6.3 5.4 7.6 4 9.2 4C11.1 4 11.8 5.4 11.8 7.5V14',
  ],
  n: [7.5, 'M0 4V14M0 8C.5 5.5 2 4 4 4C6.3 4 7.5 5.5 7.5 8V14'],
  o: [8, 'M0 9a4 5 0 1 1 8 0a4 5 0 1 1-8 0'],
  p: [8, 'M0 4V18.5M0 9a4 5 0 1 1 8 0a4 5 0 1 1-8 0'],
  q: [8, 'M8 4V18.5M8 9a4 5 0 1 1-8 0a4 5 0 1 1 8 0'],
  r: [4.6, 'M0 4V14M0 8.5C.5 5.5 2 4 4.6 4.1'],
  s: [
    7,
    'M6.6 5.6C5.8 4.5 4.8 4 3.5 4C1.6 4 .4 5 .4 6.5C.4 10.2 7 7.8 7 11.4C7 13 5.6 14 3.6 14C1.9 14 .7 13.4 0 12.1',
  ],
  t: [5.6, 'M2.4 .8V11.3C2.4 13.4 3.2 14.2 5.6 13.9M0 4.4H5.4'],
  u: [7.5, 'M0 4V10C0 12.5 1.2 14 3.5 14C5.5 14 7 12.5 7.5 10M7.5 4V14'],
  v: [8, 'M0 4L4 14L8 4'],
  w: [12, 'M0 4L3 14L6 4.6L9 14L12 4'],
  x: [7.5, 'M.3 4L7.5 14M7.2 4L0 14'],
  y: [8, 'M0 4L4 13.6M8 4L3.8 15C3 17.4 2 18.5 .2 18.2'],
  z: [7.3, 'M.3 4H7L0 14H7.3'],
  0: [8, 'M0 7C0 2.3 1.5 0 4 0C6.5 0 8 2.3 8 7C8 11.7 6.5 14 4 14C1.5 14 0 11.7 0 7Z'],
  1: [8, 'M1 2.8L4.6 0V14'],
  2: [8, 'M.4 3.8C.4 1.4 1.9 0 4.1 0C6.3 0 7.7 1.4 7.7 3.5C7.7 6.5 4 8.8 0 14H8'],
  3: [
    8,
    'M.4 2.8C.9 1 2.2 0 4 0C6.2 0 7.5 1.3 7.5 3.2C7.5 5.4 6 6.6 3 6.6C6.4 6.6 8 7.9 8 10.2C8 12.6 6.4 14 4 14C1.8 14 .5 13 0 11',
  ],
  4: [8, 'M6 14V0L0 9.8H8'],
  5: [8, 'M7.3 0H1.3L.6 6.4C1.5 5.5 2.6 5 4 5C6.4 5 8 6.8 8 9.4C8 12.2 6.4 14 3.9 14C1.9 14 .6 13 0 11.3'],
  6: [
    8,
    'M7.2 2C6.4 .7 5.4 0 4.2 0C1.5 0 0 2.8 0 7.6C0 11.8 1.4 14 4 14C6.4 14 8 12.3 8 9.6C8 7 6.4 5.4 4.1 5.4C1.9 5.4 .3 7 0 9',
  ],
  7: [8, 'M0 0H8L3 14'],
  8: [
    8,
    'M4 6.5C2 6.5 .6 5.2 .6 3.3C.6 1.3 2 0 4 0C6 0 7.4 1.3 7.4 3.3C7.4 5.2 6 6.5 4 6.5C1.6 6.5 0 8 0 10.2C0 12.5 1.6 14 4 14C6.4 14 8 12.5 8 10.2C8 8 6.4 6.5 4 6.5Z',
  ],
  9: [
    8,
    'M.8 12C1.6 13.3 2.6 14 3.8 14C6.5 14 8 11.2 8 6.4C8 2.2 6.6 0 4 0C1.6 0 0 1.7 0 4.4C0 7 1.6 8.6 3.9 8.6C6.1 8.6 7.7 7 8 5',
  ],
  '.': [0, 'M0 13.7V14'],
  ',': [1, 'M.7 13.6L0 16.4'],
  ':': [0, 'M0 5.7V6M0 13.7V14'],
  ';': [1, 'M.7 5.7V6M.7 13.6L0 16.4'],
  '!': [0, 'M0 0V9.6M0 13.7V14'],
  '?': [7, 'M0 3C.3 1.1 1.6 0 3.5 0C5.6 0 7 1.3 7 3.3C7 6.3 3.5 6.4 3.5 9.8M3.5 13.7V14'],
  "'": [0, 'M0 0V3.6'],
  '"': [3, 'M0 0V3.6M3 0V3.6'],
  '(': [3, 'M3-1.5C-1 3.5-1 12 3 17'],
  ')': [3, 'M0-1.5C4 3.5 4 12 0 17'],
  '[': [3, 'M3-1.5H0V17H3'],
  ']': [3, 'M0-1.5H3V17H0'],
  '/': [6, 'M6-1L0 16'],
  '|': [0, 'M0-1.5V17'],
  '-': [5, 'M0 9H5'],
  '–': [8, 'M0 9H8'],
  '—': [12, 'M0 9H12'],
  '−': [8, 'M0 8H8'],
  _: [9, 'M0 16.5H9'],
  '+': [8, 'M0 8H8M4 4V12'],
  '=': [8, 'M0 6H8M0 10H8'],
  '<': [8, 'M8 3.5L0 8L8 12.5'],
  '>': [8, 'M0 3.5L8 8L0 12.5'],
  '≤': [8, 'M8 1.5L0 6L8 10.5M0 14H8'],
  '≥': [8, 'M0 1.5L8 6L0 10.5M0 14H8'],
  '±': [8, 'M0 6H8M4 2V10M0 14H8'],
  '×': [7, 'M0 4.5L7 11.5M7 4.5L0 11.5'],
  '·': [0, 'M0 8V8.3'],
  '°': [4, 'M0 2a2 2 0 1 1 4 0a2 2 0 1 1-4 0'],
  '%': [
    13,
    'M0 3.2a2.6 3.2 0 1 1 5.2 0a2.6 3.2 0 1 1-5.2 0M7.8 10.8a2.6 3.2 0 1 1 5.2 0a2.6 3.2 0 1 1-5.2 0M10.8 0L2.2 14',
  ],
  '#': [9, 'M3.2 0L1.6 14M7.4 0L5.8 14M.4 4.6H9M0 9.4H8.6'],
  '*': [6, 'M3 0V6.4M.2 1.6L5.8 4.8M5.8 1.6L.2 4.8'],
  '&': [
    10.5,
    'M10.5 14L2.6 5C.6 2.6 2 0 4.4 0C7 0 8 3.2 5.6 5L3 6.8C-1.2 9.6 .2 14 4 14C7.4 14 9.4 11.4 9.6 8',
  ],
  '@': [
    13,
    'M9.2 8a2.7 3 0 1 1-5.4 0a2.7 3 0 1 1 5.4 0M9.2 5V9.4C9.2 11.6 13 11.6 13 8C13 3.6 10.2 1.4 6.6 1.4C2.6 1.4 0 4.4 0 8.4C0 12.6 2.8 15.2 6.6 15.2C8.2 15.2 9.4 14.9 10.4 14.2',
  ],
  '→': [12, 'M0 8.5H12M8 4.5L12 8.5L8 12.5'],
  ß: [
    8,
    'M0 14V4C0 1.4 1.4 0 3.6 0C5.8 0 7 1.3 7 3C7 5.4 4 5.6 4 7C4 8.8 8 8.6 8 11.3C8 13 6.9 14 5.3 14C4.3 14 3.5 13.8 2.9 13.2',
  ],
  '…': [8, 'M0 13.7V14M4 13.7V14M8 13.7V14'],
};

/** Accents, for a letter whose top is at y = 4; drawn around x = 0. */
const MARKS: Record<string, string> = {
  '\u0300': 'M-2-.4L1.2 1.6',
  '\u0301': 'M2-.4L-1.2 1.6',
  '\u0302': 'M-2.6 1.6L0-.6L2.6 1.6',
  '\u0303': 'M-3 1.4C-2-.8-.8-.2 0 .5C.8 1.2 2 1.8 3-.4',
  '\u0308': 'M-2 .4V.7M2 .4V.7',
  '\u030a': 'M-1.7 .2a1.7 1.7 0 1 1 3.4 0a1.7 1.7 0 1 1-3.4 0',
  '\u030c': 'M-2.6-.6L0 1.6L2.6-.6',
  '\u0327': 'M0 14V15C1.8 15 2 17.6-.8 17.4',
};
/** Capitals, and small letters as high as they are. */
const TALL = /[A-Zbdfhklt]/;
const DOTLESS_I = 'M0 4V14';

/** Space on both sides of a glyph, pen included. */
export const SPACING = 1.9;
/** Height of the font's design, from the highest stroke to the lowest: a text of size 20 uses it as it is. */
export const DESIGN_SIZE = 20;
export const CAPITAL_HEIGHT = 14;

/** The glyph of a character, accents drawn above or below its letter; undefined where this font has none. */
export function strokeGlyph(character: string): readonly [width: number, path: string] | undefined {
  const whole = GLYPHS[character];
  if (whole) return whole;
  const [letter, mark, ...more] = character.normalize('NFD');
  const [glyph, accent] = [GLYPHS[letter!], MARKS[mark ?? '']];
  if (!glyph || accent === undefined || more.length > 0 || !/[a-z]/i.test(letter!)) return undefined;
  const [width, path] = glyph;
  const lift = TALL.test(letter!) && mark !== '\u0327' ? -4 : 0;
  return [width, `${letter === 'i' && lift === 0 ? DOTLESS_I : path}${moved(accent, width / 2, lift)}`];
}

/** A path whose absolute points, all of M, L, V and C commands, are moved; arcs are relative. */
function moved(path: string, dx: number, dy: number): string {
  return path.replace(/([MLVC])([^MLVCa]*)/g, (_, command: string, numbers: string) => {
    const values = (numbers.match(/-?(?:\d+\.?\d*|\.\d+)/g) ?? []).map(Number);
    const vertical = command === 'V';
    return command + values.map((value, i) => value + (vertical || i % 2 === 1 ? dy : dx)).join(' ');
  });
}
