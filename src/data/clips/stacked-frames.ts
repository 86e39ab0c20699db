import sharp from 'sharp';
import { DataError } from '../../errors/index.ts';
import type { Volume } from './volume.ts';

/** A clip as the one picture that a record holds. */
export interface StackedFrames {
  /** PNG. */
  readonly encoded: Uint8Array;
  readonly format: 'png';
  readonly width: number;
  /** Of all frames together. */
  readonly height: number;
  readonly frames: number;
}

/**
 * The frames of a clip one below the other, as a PNG in colours of 8 bits; of one channel, all three are the same.
 *
 * @param clip values from 0 to 1; what lies outside is cut off
 * @param where beginning of the error message
 * @throws {DataError} for a clip of neither one nor three channels
 */
export async function stackFrames(clip: Volume, where: string): Promise<StackedFrames> {
  const [frames, height, width] = clip.shape;
  const encoded = await asPng(clipBytes(clip, where), width, frames * height, 3);
  return { encoded, format: 'png', width, height: frames * height, frames };
}

/**
 * A clip in colours of 8 bits; of one channel, all three are the same.
 *
 * @returns [T·H·W·3]
 * @throws {DataError} for a clip of neither one nor three channels
 */
export function clipBytes(
  { shape: [frames, height, width, channels], values }: Volume,
  where: string,
): Uint8Array {
  if (channels !== 1 && channels !== 3) {
    throw new DataError(`${where}: expected 1 or 3 channels, found ${channels}`);
  }
  const size = frames * height * width;
  const bytes = new Uint8Array(size * 3);
  for (let i = 0; i < bytes.length; i++) {
    const value = values[channels === 3 ? i : Math.trunc(i / 3)]!;
    bytes[i] = Math.round(255 * Math.min(1, Math.max(0, value)));
  }
  return bytes;
}

/**
 * The masks of the frames one below the other, as a PNG.
 *
 * @param mask [T·H·W], not 0 in the object
 */
export function stackMasks(mask: ArrayLike<number>, width: number): Promise<Uint8Array> {
  return asPng(
    Uint8Array.from(mask, (value) => (value > 0 ? 255 : 0)),
    width,
    mask.length / width,
    1,
  );
}

function asPng(bytes: Uint8Array, width: number, height: number, channels: 1 | 3): Promise<Uint8Array> {
  const image = sharp(bytes, { raw: { width, height, channels } });
  return (channels === 1 ? image.toColourspace('b-w') : image).png({ compressionLevel: 4 }).toBuffer();
}
