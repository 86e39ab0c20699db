import sharp from 'sharp';
import { UsageError } from '../errors/index.ts';
import { filledImage, fillRectangle, paste, type Rgb, type RgbImage } from './pixels.ts';
import { fitText, textElement, textWidth } from './text.ts';

/** One picture of a grid. */
export interface Tile {
  /** Null leaves an empty field. */
  image: RgbImage | null;
  /** Below the picture, at its left. */
  caption?: string;
  /** Below the picture, at its right; it is never shortened, the caption is. */
  note?: string;
  /** Which of the two is written in the colour of a warning. @default neither */
  warning?: 'caption' | 'note';
  /** A point to draw a ring around, in shares of width and height. */
  mark?: { x: number; y: number };
}

export interface GridOptions {
  title?: string;
  /** What stands above the columns. */
  header?: readonly string[];
  /** Longer side of a tile in pixels; smaller pictures are enlarged. @default 128 */
  tileSize?: number;
  /** How many rows stand side by side. @default 1 */
  across?: number;
}

const MARGIN = 20;
const GAP = 8;
const BLOCK_GAP = 32;
const TITLE_HEIGHT = 32;
const HEADER_HEIGHT = 22;
const CAPTION_HEIGHT = 26;
const BACKGROUND: Rgb = [250, 250, 248];
const EMPTY: Rgb = [236, 236, 232];
const INK = '#22252b';
const SOFT_INK = '#6b7078';
const WARNING_INK = '#b3261e';
const TITLE_SIZE = 17;
const TEXT_SIZE = 13.5;

/**
 * Lays tiles out in rows and columns on a light background, with a title, a header over the columns and
 * captions below the tiles.
 *
 * @param rows tiles row by row; rows may differ in length
 * @returns a PNG
 * @throws {UsageError} when there is no tile
 */
export async function imageGrid(
  rows: readonly (readonly Tile[])[],
  options: GridOptions = {},
): Promise<Buffer> {
  const { title, header, tileSize = 128, across = 1 } = options;
  const columns = Math.max(0, ...rows.map((row) => row.length));
  if (columns === 0) throw new UsageError('an image grid needs at least one tile');
  const blocks = Math.min(across, rows.length);
  const blockWidth = columns * (tileSize + GAP) - GAP;
  const width = 2 * MARGIN + blocks * (blockWidth + BLOCK_GAP) - BLOCK_GAP;

  const fitted = await Promise.all(
    rows.map((row) => Promise.all(row.map(({ image }) => image && fitImage(image, tileSize, 'nearest')))),
  );
  const lines = Array.from({ length: Math.ceil(rows.length / blocks) }, (_, line) => {
    const indices = rows.map((_row, i) => i).slice(line * blocks, (line + 1) * blocks);
    const captioned = indices.some((i) => rows[i]!.some(({ caption, note }) => caption || note));
    const pictures = indices.flatMap((i) => fitted[i]!);
    const pictureHeight = Math.max(...pictures.map((image) => image?.height ?? tileSize));
    return { indices, pictureHeight, height: pictureHeight + (captioned ? CAPTION_HEIGHT : GAP) };
  });
  const top = MARGIN + (title ? TITLE_HEIGHT : 0) + (header ? HEADER_HEIGHT : 0);
  const height = top + lines.reduce((sum, line) => sum + line.height, 0) + MARGIN - GAP;

  const canvas = filledImage(width, height, BACKGROUND);
  const texts: string[] = [];
  if (title) {
    const style = { size: TITLE_SIZE, color: INK, bold: true };
    texts.push(
      textElement(fitText(title, TITLE_SIZE, width - 2 * MARGIN), MARGIN, MARGIN + TITLE_SIZE, style),
    );
  }
  const leftOf = (block: number, column: number) =>
    MARGIN + block * (blockWidth + BLOCK_GAP) + column * (tileSize + GAP);
  for (let block = 0; block < blocks; block++) {
    header?.forEach((name, column) => {
      const [x, y] = [leftOf(block, column) + tileSize / 2, top - GAP];
      const style = { size: TEXT_SIZE, color: SOFT_INK, anchor: 'middle' } as const;
      texts.push(textElement(fitText(name, TEXT_SIZE, tileSize), x, y, style));
    });
  }
  let y = top;
  for (const { indices, pictureHeight, height: lineHeight } of lines) {
    indices.forEach((row, block) => {
      rows[row]!.forEach((tile, column) => {
        const image = fitted[row]![column];
        const left = leftOf(block, column);
        if (image) {
          const inset = {
            x: left + ((tileSize - image.width) >> 1),
            y: y + ((pictureHeight - image.height) >> 1),
          };
          paste(canvas, image, inset.x, inset.y);
          if (tile.mark)
            texts.push(ring(inset.x + tile.mark.x * image.width, inset.y + tile.mark.y * image.height));
        } else {
          fillRectangle(canvas, left, y, tileSize, pictureHeight, EMPTY);
        }
        texts.push(...captionElements(tile, left, y + pictureHeight + 16, tileSize));
      });
    });
    y += lineHeight;
  }
  const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}">${texts.join('')}</svg>`;
  return sharp(canvas.data, { raw: { width, height, channels: 3 } })
    .composite([{ input: Buffer.from(svg) }])
    .removeAlpha()
    .png()
    .toBuffer();
}

/** Resizes an image so that its longer side has `size` pixels. */
export async function fitImage(
  image: RgbImage,
  size: number,
  kernel: 'nearest' | 'cubic',
): Promise<RgbImage> {
  const scale = size / Math.max(image.width, image.height);
  if (scale === 1) return image;
  const width = Math.max(1, Math.round(image.width * scale));
  const height = Math.max(1, Math.round(image.height * scale));
  const data = await sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } })
    .resize(width, height, { fit: 'fill', kernel: scale > 1 ? kernel : 'lanczos3' })
    .raw()
    .toBuffer();
  return { data, width, height };
}

function captionElements(tile: Tile, x: number, y: number, width: number): string[] {
  const { caption = '', note = '', warning } = tile;
  const noteWidth = note ? textWidth(note, TEXT_SIZE) + GAP / 2 : 0;
  const elements: string[] = [];
  if (caption) {
    const style = { size: TEXT_SIZE, color: warning === 'caption' ? WARNING_INK : INK };
    elements.push(textElement(fitText(caption, TEXT_SIZE, width - noteWidth), x, y, style));
  }
  if (note) {
    const color = warning === 'note' ? WARNING_INK : SOFT_INK;
    elements.push(textElement(note, x + width, y, { size: TEXT_SIZE, color, anchor: 'end' }));
  }
  return elements;
}

/** A ring that is seen on dark and on bright ground. */
function ring(x: number, y: number): string {
  const circle = (color: string, width: number) =>
    `<circle cx="${x}" cy="${y}" r="5" fill="none" stroke="${color}" stroke-width="${width}"/>`;
  return circle('#000000', 3.6) + circle('#ffffff', 1.8);
}
