import { colorMap } from './color-map.ts';
import { fitImage, type GridOptions, imageGrid, type Tile } from './image-grid.ts';
import { overlayMap } from './overlay.ts';
import { grayscale, type PixelMap, type RgbImage, resizeMap, rgbImage } from './pixels.ts';

/** One (image, class) pair of an evaluation. Floats are 0..1, row by row; H×W is the image's size. */
export interface AttentionItem {
  /** `[H·W·3]` */
  image: Float32Array;
  height: number;
  width: number;
  /** The normalised explanation map, of any size h×w. */
  map: PixelMap;
  /** The teacher's normalised map, in a distillation. */
  teacherMap?: PixelMap;
  /** `[H·W]` */
  softMask?: Float32Array;
  /** The image with the attended region removed, `[H·W·3]`. */
  masked?: Float32Array;
  /** The mask of the class's objects, `[H·W]`. */
  truth?: Float32Array;
  className: string;
  /** The class's probability for the image. */
  scoreBefore: number;
  /** The class's probability for the masked image. */
  scoreAfter: number;
  /** The map is zero everywhere: the network points nowhere. @default false */
  dead?: boolean;
}

/** One image for a picture of what guidance changed. */
export interface ComparisonItem {
  /** `[H·W·3]` */
  image: Float32Array;
  height: number;
  width: number;
  className: string;
  before: ComparedMap;
  after: ComparedMap;
  /** The mask of the class's objects, `[H·W]`. */
  truth?: Float32Array;
}

/** A map with what was measured on it. */
export interface ComparedMap {
  /** The normalised explanation map, of any size h×w. */
  map: PixelMap;
  /** Share of the map's energy that lies in the true mask, 0..1. */
  energy?: number;
  /** Whether the map's highest point lies in the true mask. */
  pointing?: boolean;
  /** Whether the class is answered rightly. */
  right?: boolean;
}

/**
 * The picture of one evaluation: a row per item with image, the teacher's attention, attention, soft mask, masked image and true mask,
 * the class's name, and its score before and after the attended region was removed. Columns that no item
 * fills are left out.
 *
 * @returns a PNG
 * @throws {UsageError} when there is no item, or the values of one do not fit its size
 */
export async function attentionGrid(
  items: readonly AttentionItem[],
  options: Omit<GridOptions, 'header'> = {},
): Promise<Buffer> {
  const { tileSize = 128 } = options;
  const shown = {
    teacherMap: items.some(({ teacherMap }) => teacherMap),
    softMask: items.some(({ softMask }) => softMask),
    masked: items.some(({ masked }) => masked),
    truth: items.some(({ truth }) => truth),
  };
  const rows = items.map(async (item): Promise<Tile[]> => {
    const { height, width, teacherMap, softMask, masked, truth, dead = false } = item;
    const image = await fitImage(rgbImage(item.image, height, width), tileSize, 'cubic');
    const row: Tile[] = [
      { image, caption: item.className, note: decimals(item.scoreBefore) },
      { image: heat(image, item.map), ...(dead && { caption: 'dead map', warning: 'caption' as const }) },
    ];
    // image | teacher's map | student's map: what is imitated comes first.
    if (shown.teacherMap) row.splice(1, 0, { image: teacherMap ? heat(image, teacherMap) : null });
    if (shown.softMask) row.push({ image: softMask ? maskTile(softMask, item, image) : null });
    if (shown.masked) {
      const removed = masked && (await fitImage(rgbImage(masked, height, width), tileSize, 'cubic'));
      const scores = `${decimals(item.scoreBefore)} → ${decimals(item.scoreAfter)}`;
      row.push(removed ? { image: removed, caption: scores } : { image: null });
    }
    if (shown.truth) row.push({ image: truth ? maskTile(truth, item, image) : null });
    return row;
  });
  const header = ['image', ...(shown.teacherMap ? ["teacher's"] : []), 'attention'];
  if (shown.softMask) header.push('soft mask');
  if (shown.masked) header.push('masked image');
  if (shown.truth) header.push('true mask');
  return imageGrid(await Promise.all(rows), { ...options, header });
}

/**
 * The picture of what guidance changed: image, attention before and after it, true mask; below the maps the
 * share of their energy that lies in the mask, a ring around their highest point.
 *
 * @returns a PNG
 * @throws {UsageError} when there is no item, or the values of one do not fit its size
 */
export async function beforeAfterGrid(
  items: readonly ComparisonItem[],
  options: Omit<GridOptions, 'header'> & { names?: readonly [before: string, after: string] } = {},
): Promise<Buffer> {
  const { tileSize = 128, names = ['before guidance', 'after guidance'], ...grid } = options;
  const withTruth = items.some(({ truth }) => truth);
  const rows = items.map(async (item): Promise<Tile[]> => {
    const image = await fitImage(rgbImage(item.image, item.height, item.width), tileSize, 'cubic');
    const row: Tile[] = [
      { image, caption: item.className },
      comparedTile(image, item.before),
      comparedTile(image, item.after),
    ];
    if (withTruth) row.push({ image: item.truth ? maskTile(item.truth, item, image) : null });
    return row;
  });
  const header = ['image', ...names, ...(withTruth ? ['true mask'] : [])];
  return imageGrid(await Promise.all(rows), { ...grid, tileSize, header });
}

/** The map over the image without colours, so that every colour seen is the map's. */
function heat(image: RgbImage, map: PixelMap): RgbImage {
  return overlayMap(grayscale(image), map);
}

function comparedTile(image: RgbImage, { map, energy, pointing, right }: ComparedMap): Tile {
  const highest = map.data.reduce((best, value, i) => (value > map.data[best]! ? i : best), 0);
  const dead = !(map.data[highest]! > 0);
  return {
    image: heat(image, map),
    ...(energy !== undefined && { caption: `${Math.round(energy * 100)} % inside` }),
    ...(right === undefined
      ? pointing !== undefined && { note: pointing ? 'hit' : 'miss' }
      : { note: right ? 'right' : 'wrong' }),
    ...((right ?? pointing) === false && { warning: 'note' as const }),
    ...(!dead && {
      mark: {
        x: ((highest % map.width) + 0.5) / map.width,
        y: (Math.floor(highest / map.width) + 0.5) / map.height,
      },
    }),
  };
}

function maskTile(data: Float32Array, size: { height: number; width: number }, image: RgbImage): RgbImage {
  return colorMap(
    resizeMap({ data, height: size.height, width: size.width }, image.height, image.width),
    'gray',
  );
}

function decimals(score: number): string {
  return score.toFixed(2);
}
