import { visualOrder } from './right-to-left.ts';
import { CAPITAL_HEIGHT, DESIGN_SIZE, SPACING, strokeGlyph } from './stroke-font.ts';
import { unifontGlyph } from './unifont.ts';

/** A character that is placed: where its path begins, and how far the next one is, in units of the font's design. */
interface Placed {
  readonly kind: 'stroke' | 'squares';
  readonly path: string;
  readonly advance: number;
}

/** A square of Unifont in units of the design: a pixel at the size of captions, where it is sharp. */
const SQUARE = DESIGN_SIZE / 13.5;

/**
 * The characters of a line from left to right. A word whose characters the stroke font has is drawn with it, any other
 * one with Unifont. What neither has (emoji, rare ideographs) is written as its code point, `U+1F600`.
 */
function lay(text: string): Placed[] {
  const clean = text
    .normalize('NFC')
    .replace(/\p{Default_Ignorable_Code_Point}/gu, '')
    .replace(/\s/gu, ' ');
  return visualOrder(clean).split(/( )/).flatMap(layWord);
}

function layWord(word: string): Placed[] {
  const characters = Array.from(word);
  const strokes = characters.map(strokeGlyph);
  if (strokes.every((glyph) => glyph !== undefined)) {
    return strokes.map(([width, path]) => ({ kind: 'stroke', path, advance: width + 2 * SPACING }));
  }
  return characters.flatMap((character): Placed[] => {
    const glyph = unifontGlyph(character);
    if (glyph) return [{ kind: 'squares', path: glyph.path, advance: glyph.width * SQUARE }];
    return layWord(`U+${character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0')}`);
  });
}

/** Width of a text in pixels at a size in pixels. */
export function textWidth(text: string, size: number): number {
  return (lay(text).reduce((sum, { advance }) => sum + advance, 0) * size) / DESIGN_SIZE;
}

/** The text, shortened with `…` where it would be wider than `width` pixels. */
export function fitText(text: string, size: number, width: number): string {
  if (textWidth(text, size) <= width) return text;
  const characters = Array.from(text);
  while (characters.length > 0 && textWidth(`${characters.join('')}…`, size) > width) characters.pop();
  return `${characters.join('').trimEnd()}…`;
}

export interface TextStyle {
  /** Height from ascenders to descenders, in pixels. */
  size: number;
  /** A CSS colour. */
  color: string;
  /** Which point of the text lies at x. @default 'start' */
  anchor?: 'start' | 'middle' | 'end';
  /** @default false */
  bold?: boolean;
}

/**
 * A line of text in any script as an SVG element, which needs no font of the machine to be drawn.
 *
 * @param x,y where the text begins (or its middle, its end) and the height of its base line, in pixels
 */
export function textElement(text: string, x: number, y: number, style: TextStyle): string {
  const { size, color, anchor = 'start', bold = false } = style;
  const scale = size / DESIGN_SIZE;
  const placed = lay(text);
  const shift = { start: 0, middle: 0.5, end: 1 }[anchor] * textWidth(text, size);
  const left = x - shift;
  let pen = 0;
  let [strokes, squares] = ['', ''];
  for (const { kind, path, advance } of placed) {
    if (path !== '' && kind === 'stroke') {
      strokes += `<path transform="translate(${(pen + SPACING).toFixed(2)})" d="${path}"/>`;
    } else if (path !== '') {
      // On a whole pixel, or the squares are grey at their edges.
      const at = (Math.round(left + pen * scale) - left) / scale;
      squares += `<path transform="translate(${at.toFixed(3)} ${CAPITAL_HEIGHT}) scale(${SQUARE.toFixed(5)})" d="${path}"/>`;
    }
    pen += advance;
  }
  const origin = `translate(${left.toFixed(2)} ${(y - CAPITAL_HEIGHT * scale).toFixed(2)}) scale(${scale})`;
  const pens =
    strokes &&
    `<g fill="none" stroke="${color}" stroke-width="${bold ? 2.5 : 1.7}" stroke-linecap="round" ` +
      `stroke-linejoin="round">${strokes}</g>`;
  const fills =
    squares && `<g fill="${color}"${bold ? ` stroke="${color}" stroke-width=".5"` : ''}>${squares}</g>`;
  return `<g transform="${origin}">${pens}${fills}</g>`;
}
