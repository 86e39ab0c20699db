import { UsageError } from '../errors/index.ts';

/** An image on the host: RGB bytes, row by row. */
export interface RgbImage {
  data: Uint8Array;
  width: number;
  height: number;
}

/** One number per pixel on the host, row by row: an explanation map, a soft mask, a mask. */
export interface PixelMap {
  data: Float32Array;
  width: number;
  height: number;
}

/** Red, green and blue, 0..255. */
export type Rgb = readonly [number, number, number];

/**
 * Bytes of an image given as floats; values outside [0, 1] are clipped, halves are rounded to even.
 *
 * @param data `[H·W·3]`, 0..1
 * @throws {UsageError} when the number of values does not fit the size
 */
export function rgbImage(data: Float32Array, height: number, width: number): RgbImage {
  if (data.length !== height * width * 3) {
    throw new UsageError(`${data.length} values are no RGB image of ${width}x${height} pixels`);
  }
  const bytes = new Uint8ClampedArray(data.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = data[i]! * 255;
  return { data: new Uint8Array(bytes.buffer), width, height };
}

/** An image of one colour. */
export function filledImage(width: number, height: number, color: Rgb): RgbImage {
  const image = { data: new Uint8Array(width * height * 3), width, height };
  fillRectangle(image, 0, 0, width, height, color);
  return image;
}

/** Paints a rectangle into the image; what lies outside of it is cut off. */
export function fillRectangle(
  image: RgbImage,
  left: number,
  top: number,
  width: number,
  height: number,
  color: Rgb,
): void {
  const right = Math.min(image.width, left + width);
  const bottom = Math.min(image.height, top + height);
  const [red, green, blue] = color;
  for (let y = Math.max(0, top); y < bottom; y++) {
    const end = (y * image.width + right) * 3;
    for (let i = (y * image.width + Math.max(0, left)) * 3; i < end; i += 3) {
      image.data[i] = red;
      image.data[i + 1] = green;
      image.data[i + 2] = blue;
    }
  }
}

/** Copies one image into another, which it must fit into. */
export function paste(target: RgbImage, source: RgbImage, left: number, top: number): void {
  for (let y = 0; y < source.height; y++) {
    const row = source.data.subarray(y * source.width * 3, (y + 1) * source.width * 3);
    target.data.set(row, ((top + y) * target.width + left) * 3);
  }
}

/** The image without its colours, of the same brightness (Rec. 709 weights). */
export function grayscale(image: RgbImage): RgbImage {
  const data = new Uint8Array(image.data.length);
  for (let i = 0; i < data.length; i += 3) {
    const gray = 0.2126 * image.data[i]! + 0.7152 * image.data[i + 1]! + 0.0722 * image.data[i + 2]!;
    data.fill(Math.round(gray), i, i + 3);
  }
  return { ...image, data };
}

/**
 * Resizes a map bilinearly, with half-pixel centres and no smoothing when it shrinks: PyTorch's
 * `interpolate(mode='bilinear', align_corners=False)`.
 *
 * @throws {UsageError} when the number of values does not fit the map's size
 */
export function resizeMap(map: PixelMap, height: number, width: number): PixelMap {
  if (map.data.length !== map.height * map.width) {
    throw new UsageError(`${map.data.length} values are no map of ${map.width}x${map.height} pixels`);
  }
  if (map.height === height && map.width === width) return map;
  const old = map.data;
  const columns = samplePoints(map.width, width);
  const data = new Float32Array(height * width);
  let i = 0;
  for (const [top, bottom, below] of samplePoints(map.height, height)) {
    const [above, under] = [top * map.width, bottom * map.width];
    for (const [left, right, beyond] of columns) {
      const upper = old[above + left]! * (1 - beyond) + old[above + right]! * beyond;
      const lower = old[under + left]! * (1 - beyond) + old[under + right]! * beyond;
      data[i++] = upper * (1 - below) + lower * below;
    }
  }
  return { data, width, height };
}

/** For each new pixel the two old ones it lies between, and how far it is on the way to the second. */
function samplePoints(from: number, to: number): [number, number, number][] {
  return Array.from({ length: to }, (_, i) => {
    const position = Math.max(0, ((i + 0.5) * from) / to - 0.5);
    const first = Math.min(Math.floor(position), from - 1);
    return [first, Math.min(first + 1, from - 1), position - first];
  });
}
