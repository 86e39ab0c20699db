import { frameStrip, mapAtFrames, shownFrames } from '../pictures/index.ts';
import type { MapThumbnail } from './result.ts';

/** Longest side of a thumbnail. */
const longest = 32;

/**
 * A map as bytes by its own extremes, shrunk by means over blocks when it is larger than 32 pixels. Of a clip some
 * frames side by side, those that pictures of it show.
 *
 * @param size [h, w], of clips [t, h, w]
 * @param frames T, of clips
 */
export function mapThumbnail(
  map: Float32Array,
  size: readonly number[],
  frames: number | undefined,
): MapThumbnail {
  if (frames === undefined) return thumbnailOf(map, size as [number, number]);
  const [from, height, width] = size as [number, number, number];
  const shown = shownFrames(frames);
  const strip = frameStrip(mapAtFrames(map, from, frames), [frames, height, width], shown);
  return thumbnailOf(strip, [height, shown.length * width], shown.length * longest);
}

function thumbnailOf(
  map: Float32Array,
  [height, width]: readonly [number, number],
  most = longest,
): MapThumbnail {
  const block = Math.max(1, Math.ceil(Math.max(height, width) / most));
  const [rows, columns] = [Math.ceil(height / block), Math.ceil(width / block)];
  const means = new Float32Array(rows * columns);
  const areas = new Float32Array(rows * columns);
  for (let i = 0; i < map.length; i++) {
    const at = Math.trunc(Math.trunc(i / width) / block) * columns + Math.trunc((i % width) / block);
    means[at]! += map[i]!;
    areas[at]!++;
  }
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < means.length; i++) {
    means[i]! /= areas[i]!;
    low = Math.min(low, means[i]!);
    high = Math.max(high, means[i]!);
  }
  const scale = high > low ? 255 / (high - low) : 0;
  const bytes = Uint8Array.from(means, (value) => Math.round((value - low) * scale));
  return { height: rows, width: columns, data: Buffer.from(bytes).toString('base64') };
}
