import sharp from 'sharp';
import { UsageError } from '../errors/index.ts';

/** Raw pixels, row by row, three channels: bytes 0..255, or floats 0..1. */
export interface RgbPixels {
  data: Uint8Array | Uint8ClampedArray | Float32Array;
  width: number;
  height: number;
}

const PNG_SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');

/**
 * Width and height of a PNG, from its header.
 *
 * @throws {UsageError} when the bytes are no PNG
 */
export function pngSize(png: Uint8Array): { width: number; height: number } {
  const bytes = Buffer.from(png.buffer, png.byteOffset, png.byteLength);
  if (bytes.length < 24 || !bytes.subarray(0, 8).equals(PNG_SIGNATURE)) {
    throw new UsageError(
      'EventWriter: an image given as bytes must be a PNG; pass raw pixels as { data, width, height }',
    );
  }
  return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
}

/**
 * Compresses a copy of the pixels, so that the caller may reuse them at once.
 *
 * @throws {UsageError}, at once, when the number of values is not width · height · 3
 */
export function encodePng({ data, width, height }: RgbPixels): Promise<Uint8Array> {
  if (data.length === 0 || data.length !== width * height * 3) {
    throw new UsageError(`EventWriter: ${data.length} values are no RGB image of ${width}x${height} pixels`);
  }
  const scale = data instanceof Float32Array ? 255 : 1;
  const bytes = Uint8ClampedArray.from(data, (value) => value * scale);
  return sharp(bytes, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}
