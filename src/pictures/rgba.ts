import { type ColorMapName, colorMap } from './color-map.ts';
import type { PixelMap, RgbImage } from './pixels.ts';

/** An image with transparency, as a canvas takes it: `new ImageData(data, width, height)`. */
export interface RgbaImage {
  data: Uint8ClampedArray<ArrayBuffer>;
  width: number;
  height: number;
}

/** The image, opaque, as a canvas takes it. */
export function rgba({ data, width, height }: RgbImage): RgbaImage {
  const out = new Uint8ClampedArray(width * height * 4);
  for (let i = 0, from = 0; i < out.length; i += 4) {
    out[i] = data[from++]!;
    out[i + 1] = data[from++]!;
    out[i + 2] = data[from++]!;
    out[i + 3] = 255;
  }
  return { data: out, width, height };
}

export interface HeatmapRgbaOptions {
  /** Opacity where the map is 1; where it is 0 what lies below is seen. @default 0.7 */
  alpha?: number;
  /** @default 'inferno' */
  colors?: ColorMapName;
}

/**
 * The map alone, to be laid over an image by a canvas: in colours, the more opaque the larger its value.
 *
 * @param map 0..1, clipped
 */
export function heatmapRgba(
  map: PixelMap,
  { alpha = 0.7, colors = 'inferno' }: HeatmapRgbaOptions = {},
): RgbaImage {
  const picture = rgba(colorMap(map, colors));
  for (let i = 0; i < map.data.length; i++) {
    const value = Math.min(1, Math.max(0, map.data[i]! || 0));
    picture.data[4 * i + 3] = Math.round(255 * alpha * value);
  }
  return picture;
}
