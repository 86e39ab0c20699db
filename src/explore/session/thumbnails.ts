import sharp from 'sharp';
import type { Thumbnail } from '../messages.ts';

/** An image as a small picture; one that is small already stays as it is. */
export async function thumbnailOf(
  id: string,
  pixels: Float32Array,
  [height, width]: readonly [number, number],
  side: number,
): Promise<Thumbnail> {
  const channels = pixels.length / (height * width);
  const bytes = new Uint8ClampedArray(height * width * 3);
  for (let i = 0; i < bytes.length; i++) {
    const [place, channel] = [Math.floor(i / 3), i % 3];
    bytes[i] = 255 * pixels[place * channels + (channel % channels)]!;
  }
  const whole = new Uint8Array(bytes.buffer);
  const factor = Math.min(1, side / Math.max(height, width));
  if (factor === 1) return { id, height, width, pixels: whole };
  const { data, info } = await sharp(whole, { raw: { width, height, channels: 3 } })
    .resize(Math.max(1, Math.round(width * factor)), Math.max(1, Math.round(height * factor)), {
      fit: 'fill',
    })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { id, height: info.height, width: info.width, pixels: Uint8Array.from(data) };
}
