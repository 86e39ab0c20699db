import type { Random } from '../../random/index.ts';
import { type Bounds, boundsOf, type Picture, type Region } from './picture.ts';

/** An object and the picture it is cut from. */
export interface CutObject {
  readonly picture: Picture;
  readonly region: Region;
  readonly bounds: Bounds;
}

/** How an object is changed on its way from one picture into another. */
export interface PasteOptions {
  /** Range of the factor on its size. @default [0.8, 1.25] */
  readonly scale?: readonly [number, number];
  /** How far it may move up or down, as a share of the height. @default 0.16 */
  readonly rows?: number;
  /** Range of the factor on its brightness: 1 ± this. @default 0.15 */
  readonly brightness?: number;
  /** Range of the factor on each colour: 1 ± this. @default 0.05 */
  readonly tint?: number;
}

/** Places tried before one is taken that hides more of what is there than it should. */
const tries = 8;
/** Share of an object that may lie on other objects. */
const mostOverlap = 0.15;

/** Cuts an object along its mask. @returns undefined where the mask is empty */
export function cutObject(picture: Picture, region: Region): CutObject | undefined {
  const bounds = boundsOf(region, picture.width);
  return bounds && { picture, region, bounds };
}

/**
 * Pastes an object at a random place of about its own row: another column, another size, perhaps mirrored, other
 * light, with a soft edge.
 *
 * @param picture changed in place
 * @param occupied pixels of the objects that are there and should stay to be seen
 * @returns the pixels that the object covers
 */
export function pasteObject(
  picture: Picture,
  { picture: from, region, bounds }: CutObject,
  occupied: Region,
  random: Random,
  { scale = [0.8, 1.25], rows = 0.16, brightness = 0.15, tint = 0.05 }: PasteOptions = {},
): Region {
  const { width: W, height: H } = picture;
  const factor = random.uniform(scale[0], scale[1]);
  const sized = (length: number, most: number) =>
    Math.min(most, Math.max(Math.min(4, most), Math.round(length * factor)));
  const height = sized(((bounds.bottom - bounds.top) * H) / from.height, H - 1);
  const width = sized(((bounds.right - bounds.left) * W) / from.width, W - 1);
  const mirror = random.next() < 0.5;
  const light = random.uniform(1 - brightness, 1 + brightness);
  const colour = [0, 1, 2].map(() => light * random.uniform(1 - tint, 1 + tint));
  const shape = shapeOf(region, from.width, bounds, width, height, mirror);

  const centre = (((bounds.top + bounds.bottom) / 2) * H) / from.height;
  let [left, top] = [0, 0];
  for (let attempt = 0; attempt < tries; attempt++) {
    const row = centre + random.uniform(-rows, rows) * H - height / 2;
    top = Math.round(Math.min(H - height, Math.max(0, row)));
    left = random.integer(W - width + 1);
    let [area, hidden] = [0, 0];
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) {
        if (shape[y * width + x]! <= 0.5) continue;
        area++;
        hidden += occupied[(top + y) * W + left + x]!;
      }
    }
    if (hidden <= mostOverlap * area) break;
  }

  const covered = new Uint8Array(W * H);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const alpha = shape[y * width + x]!;
      if (alpha === 0) continue;
      const p = (top + y) * W + left + x;
      if (alpha > 0.5) covered[p] = 1;
      const corners = cornersOf(placeIn(bounds, x, y, width, height, mirror), from.width);
      for (let c = 0; c < 3; c++) {
        const value = mixed(from.data, corners, 3, c) * colour[c]!;
        picture.data[p * 3 + c] = Math.min(1, picture.data[p * 3 + c]! * (1 - alpha) + value * alpha);
      }
    }
  }
  return covered;
}

/** The opacity of the resized object: its interpolated mask, steepened so that the edge is about a pixel wide. */
function shapeOf(
  region: Region,
  stride: number,
  bounds: Bounds,
  width: number,
  height: number,
  mirror: boolean,
): Float32Array {
  const shape = new Float32Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const value = mixed(region, cornersOf(placeIn(bounds, x, y, width, height, mirror), stride), 1, 0);
      shape[y * width + x] = Math.min(1, Math.max(0, value * 1.6 - 0.45));
    }
  }
  return shape;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly bounds: Bounds;
}

function placeIn(
  bounds: Bounds,
  x: number,
  y: number,
  width: number,
  height: number,
  mirror: boolean,
): Place {
  const column = mirror ? width - 1 - x : x;
  const across = bounds.left + ((column + 0.5) * (bounds.right - bounds.left)) / width - 0.5;
  const down = bounds.top + ((y + 0.5) * (bounds.bottom - bounds.top)) / height - 0.5;
  return {
    x: Math.min(bounds.right - 1, Math.max(bounds.left, across)),
    y: Math.min(bounds.bottom - 1, Math.max(bounds.top, down)),
    bounds,
  };
}

/** The four pixels around a place, held within the bounds of the object, and how far the place is along. */
interface Corners {
  readonly pixels: readonly [number, number, number, number];
  readonly fx: number;
  readonly fy: number;
}

function cornersOf({ x, y, bounds }: Place, stride: number): Corners {
  const x0 = Math.floor(x);
  const y0 = Math.floor(y);
  const x1 = Math.min(bounds.right - 1, x0 + 1);
  const y1 = Math.min(bounds.bottom - 1, y0 + 1);
  return {
    pixels: [y0 * stride + x0, y0 * stride + x1, y1 * stride + x0, y1 * stride + x1],
    fx: x - x0,
    fy: y - y0,
  };
}

/** Bilinear. */
function mixed(
  values: Float32Array | Uint8Array,
  { pixels, fx, fy }: Corners,
  channels: number,
  channel: number,
): number {
  // Spelled out: this runs for every pixel and colour of every object.
  const above =
    values[pixels[0] * channels + channel]! * (1 - fx) + values[pixels[1] * channels + channel]! * fx;
  const below =
    values[pixels[2] * channels + channel]! * (1 - fx) + values[pixels[3] * channels + channel]! * fx;
  return above * (1 - fy) + below * fy;
}
