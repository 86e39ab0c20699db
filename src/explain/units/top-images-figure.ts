import { imageGrid, mosaic, type RgbImage, rgbImage, type Tile } from '../../pictures/index.ts';
import { short } from './feature-maps.ts';
import { cut } from './patch-window.ts';
import type { TopImage, TopImages } from './top-images.ts';

export interface TopImagesFigureOptions {
  /** Above the picture. @default the layer */
  title?: string | undefined;
  /** Side of a patch in pixels. @default 56 */
  patchSize?: number | undefined;
  /** [low, high] of the images' values. @default [0, 1] */
  range?: readonly [number, number] | undefined;
}

/**
 * Zeiler & Fergus's figure: for each filter, left the patterns that its strongest units are projected back to, right the
 * parts of the images that they come from, in the same order; below, the filter's number and its largest value. Each
 * projection has its own scale, 0 is grey.
 *
 * @returns a PNG
 */
export async function topImagesFigure(
  { layer, imageShape, filters }: TopImages,
  { title = `${layer}: strongest images`, patchSize = 56, range = [0, 1] }: TopImagesFigureOptions = {},
): Promise<Buffer> {
  const [, width, channels] = imageShape;
  const most = Math.max(1, ...filters.map(({ top }) => top.length));
  const columns = Math.ceil(Math.sqrt(most));
  const fields = { columns, rows: Math.ceil(most / columns), cell: patchSize };
  const rows = filters.map(async ({ filter, top }): Promise<Tile[]> => {
    const caption = `filter ${filter}`;
    if (top.length === 0) {
      return [{ image: null, caption, note: 'silent', warning: 'note' }, { image: null }];
    }
    const patches = (draw: (one: TopImage) => RgbImage) => mosaic(top.map(draw), fields);
    const patterns = patches((one) => {
      const values = cut(one.projection, width, channels, one.window);
      const peak = values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
      return drawn(
        values.map((value) => (peak > 0 ? (1 + value / peak) / 2 : 0.5)),
        channels,
        one,
      );
    });
    const [low, high] = range;
    const images = patches((one) =>
      drawn(
        cut(one.pixels, width, channels, one.window).map((value) => (value - low) / (high - low)),
        channels,
        one,
      ),
    );
    return [{ image: await patterns, caption, note: short(top[0]!.value) }, { image: await images }];
  });
  const tileSize = Math.max(columns, fields.rows) * (patchSize + 2) - 2;
  return imageGrid(await Promise.all(rows), {
    title,
    header: ['pattern', 'in the images'],
    tileSize,
    across: Math.min(filters.length, 3),
  });
}

/** Values 0 … 1 as a picture; one channel as grey, of more than three the first three. */
function drawn(values: Float32Array, channels: number, { window }: TopImage): RgbImage {
  return rgbImage(threeChannels(values, channels), window.height, window.width);
}

/** [H·W·c] as [H·W·3]: one channel repeated, of more than three the first three. */
export function threeChannels(values: Float32Array, channels: number): Float32Array {
  if (channels === 3) return values;
  return Float32Array.from({ length: (values.length / channels) * 3 }, (_, i) => {
    const pixel = Math.trunc(i / 3);
    return values[pixel * channels + Math.min(i % 3, channels - 1)]!;
  });
}
