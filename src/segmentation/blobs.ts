import type { Region } from '../data/index.ts';

/**
 * Keeps the largest connected piece of a region and those at least a share of its size: the specks that a pixel
 * classifier leaves are no objects.
 *
 * @param share @default 1/3
 * @returns a new region; pieces touch by edge or corner
 */
export function largestBlobs(region: Region, width: number, share = 1 / 3): Region {
  const height = region.length / width;
  const piece = new Int32Array(region.length).fill(-1);
  const sizes: number[] = [];
  const queue = new Int32Array(region.length);
  for (let start = 0; start < region.length; start++) {
    if (!region[start] || piece[start]! >= 0) continue;
    const number = sizes.length;
    let count = 1;
    queue[0] = start;
    piece[start] = number;
    for (let head = 0; head < count; head++) {
      const x = queue[head]! % width;
      const y = Math.floor(queue[head]! / width);
      for (let v = Math.max(0, y - 1); v <= Math.min(height - 1, y + 1); v++) {
        for (let u = Math.max(0, x - 1); u <= Math.min(width - 1, x + 1); u++) {
          const p = v * width + u;
          if (!region[p] || piece[p]! >= 0) continue;
          piece[p] = number;
          queue[count++] = p;
        }
      }
    }
    sizes.push(count);
  }
  const least = Math.max(0, ...sizes) * share;
  return Uint8Array.from(region, (value, p) => (value && sizes[piece[p]!]! >= least ? 1 : 0));
}
