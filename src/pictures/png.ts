import sharp from 'sharp';
import type { RgbImage } from './pixels.ts';
import type { RgbaImage } from './rgba.ts';

/** An image as the bytes of a PNG. */
export function png({ data, width, height }: RgbImage | RgbaImage): Promise<Buffer> {
  const channels = data.length === width * height * 4 ? 4 : 3;
  return sharp(data, { raw: { width, height, channels } }).png().toBuffer();
}
