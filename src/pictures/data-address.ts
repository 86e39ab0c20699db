import sharp, { type Sharp } from 'sharp';
import type { RgbImage } from './pixels.ts';

/**
 * A picture as a `data:` address, WebP.
 *
 * @param longestSide in pixels; larger pictures are shrunk to it @default 256
 */
export function dataAddress({ data, width, height }: RgbImage, longestSide = 256): Promise<string> {
  return webpAddress(sharp(data, { raw: { width, height, channels: 3 } }), longestSide);
}

/** The same of what sharp holds. */
export async function webpAddress(image: Sharp, longestSide: number): Promise<string> {
  const bytes = await image
    .resize(longestSide, longestSide, { fit: 'inside', withoutEnlargement: true })
    .webp({ quality: 86 })
    .toBuffer();
  return `data:image/webp;base64,${bytes.toString('base64')}`;
}
