import { UsageError } from '../errors/index.ts';
import { type ColorMapName, colorMap } from './color-map.ts';
import { fillRectangle, type PixelMap, type Rgb, type RgbImage, resizeMap } from './pixels.ts';

export interface OverlayOptions {
  /** How much of the map's colour covers the image, 0..1. @default 0.5 */
  alpha?: number;
  /** @default 'inferno' */
  colors?: ColorMapName;
}

/**
 * Lays a map over an image: `(1 - alpha) · image + alpha · colour(map)`.
 *
 * @param map 0..1, of any size: resized bilinearly to the image
 */
export function overlayMap(image: RgbImage, map: PixelMap, options: OverlayOptions = {}): RgbImage {
  const { alpha = 0.5, colors = 'inferno' } = options;
  const colored = colorMap(resizeMap(map, image.height, image.width), colors).data;
  const data = new Uint8Array(colored.length);
  for (let i = 0; i < data.length; i++) {
    data[i] = Math.round((1 - alpha) * image.data[i]! + alpha * colored[i]!);
  }
  return { ...image, data };
}

/** A rectangle in shares of the image's width and height, 0..1. */
export interface NormalizedBox {
  xmin: number;
  ymin: number;
  xmax: number;
  ymax: number;
}

export interface BoxOptions {
  /** @default [0, 255, 0] */
  color?: Rgb;
  /** Thickness of the frame in pixels, drawn inwards. @default 1 */
  thickness?: number;
}

/**
 * Draws the frames of boxes on a copy of the image. A box covers the pixels from `round(min · size)` to
 * `round(max · size)`, the last one excluded, and at least one.
 *
 * @throws {UsageError} when a box ends before it begins
 */
export function drawBoxes(
  image: RgbImage,
  boxes: readonly NormalizedBox[],
  options: BoxOptions = {},
): RgbImage {
  const { color = [0, 255, 0], thickness = 1 } = options;
  const drawn = { ...image, data: image.data.slice() };
  for (const { xmin, ymin, xmax, ymax } of boxes) {
    if (!(xmin <= xmax && ymin <= ymax)) {
      throw new UsageError(
        `a box must not end before it begins, received x ${xmin}..${xmax}, y ${ymin}..${ymax}`,
      );
    }
    const [left, top] = [Math.round(xmin * image.width), Math.round(ymin * image.height)];
    const width = Math.max(1, Math.round(xmax * image.width) - left);
    const height = Math.max(1, Math.round(ymax * image.height) - top);
    fillRectangle(drawn, left, top, width, Math.min(thickness, height), color);
    fillRectangle(
      drawn,
      left,
      top + Math.max(0, height - thickness),
      width,
      Math.min(thickness, height),
      color,
    );
    fillRectangle(drawn, left, top, Math.min(thickness, width), height, color);
    fillRectangle(
      drawn,
      left + Math.max(0, width - thickness),
      top,
      Math.min(thickness, width),
      height,
      color,
    );
  }
  return drawn;
}
