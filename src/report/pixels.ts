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
 * @throws UsageError when the number of values does not fit the size
 */
export function rgbImage(data: Float32Array, height: number, width: number): RgbImage {
  if (data.length !== height * width * 3) {
    throw new UsageError(`${data.length} values are no RGB image of ${width}x${height} pixels`);
  }
  return { data: new Uint8Array(Uint8ClampedArray.from(data, (value) => value * 255).buffer), width, height };
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
  for (let y = Math.max(0, top); y < bottom; y++) {
    for (let x = Math.max(0, left); x < right; x++) image.data.set(color, (y * image.width + x) * 3);
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
    const [red, green, blue] = [image.data[i]!, image.data[i + 1]!, image.data[i + 2]!];
    data.fill(Math.round(0.2126 * red + 0.7152 * green + 0.0722 * blue), i, i + 3);
  }
  return { ...image, data };
}

/**
 * Resizes a map bilinearly, with half-pixel centres and no smoothing when it shrinks: PyTorch's
 * `interpolate(mode='bilinear', align_corners=False)`.
 *
 * @throws UsageError when the number of values does not fit the map's size
 */
export function resizeMap(map: PixelMap, height: number, width: number): PixelMap {
  if (map.data.length !== map.height * map.width) {
    throw new UsageError(`${map.data.length} values are no map of ${map.width}x${map.height} pixels`);
  }
  if (map.height === height && map.width === width) return map;
  const columns = samplePoints(map.width, width);
  const data = new Float32Array(height * width);
  samplePoints(map.height, height).forEach(([top, bottom, below], y) => {
    columns.forEach(([left, right, beyond], x) => {
      const at = (row: number, column: number) => map.data[row * map.width + column]!;
      const upper = at(top, left) * (1 - beyond) + at(top, right) * beyond;
      const lower = at(bottom, left) * (1 - beyond) + at(bottom, right) * beyond;
      data[y * width + x] = upper * (1 - below) + lower * below;
    });
  });
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
