import { imageGrid, rgbImage } from '../../pictures/index.ts';
import { inRows, short } from './feature-maps.ts';
import type { Maximized } from './maximize-activation.ts';
import { threeChannels } from './top-images-figure.ts';

export interface MaximizedFigureOptions {
  /** Below each image. */
  names: readonly string[];
  title?: string | undefined;
  /** [low, high] of the images' values. @default [0, 1] */
  range?: readonly [number, number] | undefined;
  /** Longer side of an image in pixels. @default 160 */
  tileSize?: number | undefined;
}

/**
 * The images that {@link maximizeActivations} made, side by side; below each, its name and what the unit answers to it.
 *
 * @returns a PNG
 */
export async function maximizedFigure(
  { images, values }: Maximized,
  { names, title, range: [low, high] = [0, 1], tileSize = 160 }: MaximizedFigureOptions,
): Promise<Buffer> {
  const [count, height, width, channels] = images.shape;
  const pixels = (await images.data()) as Float32Array;
  const size = height * width * channels;
  const tiles = Array.from({ length: count }, (_, i) => {
    const shares = pixels.subarray(i * size, (i + 1) * size).map((value) => (value - low) / (high - low));
    return {
      image: rgbImage(threeChannels(shares, channels), height, width),
      caption: names[i] ?? '',
      note: short(values[i]!),
    };
  });
  return imageGrid(inRows(tiles, Math.min(count, 6)), { ...(title && { title }), tileSize });
}
