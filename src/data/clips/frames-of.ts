import type { Pixels } from '../image-decoding.ts';

/**
 * The frames that a sample shows, of a picture in which F of them lie one below the other: of T, frame ⌊(t + ½) F / T⌋ as
 * the t-th. Of an image, F = T = 1, the picture itself.
 *
 * @returns T pictures of [H,W,c], views of the given one
 */
export function framesOf(
  { data, width, height }: Pixels,
  channels: number,
  stored = 1,
  wanted = 1,
): Pixels[] {
  const rows = height / stored;
  const size = rows * width * channels;
  return Array.from({ length: wanted }, (_, t) => {
    const at = Math.floor(((t + 0.5) * stored) / wanted) * size;
    return { data: data.subarray(at, at + size), width, height: rows };
  });
}
