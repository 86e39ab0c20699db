/**
 * Pointing game with a margin (Zhang et al., "Top-down Neural Attention by Excitation Backprop", ECCV 2016): is the
 * map's largest value inside the true region, or closer to it than `tolerance` pixels? The paper takes 15, on photos
 * at their own size.
 *
 * @param map [H·W]. A map without a positive value never hits.
 * @param region [H·W], > 0.5 inside
 * @param tolerance pixels; 0: inside only
 */
export function pointsAt(
  map: ArrayLike<number>,
  region: ArrayLike<number>,
  width: number,
  tolerance: number,
): boolean {
  let best = -1;
  let highest = 0;
  for (let i = 0; i < map.length; i++) {
    const value = map[i]!;
    if (value > highest) {
      highest = value;
      best = i;
    }
  }
  if (best < 0) return false;
  if (region[best]! > 0.5) return true;
  const height = map.length / width;
  const [y, x] = [Math.trunc(best / width), best % width];
  const reach = Math.ceil(tolerance);
  for (let dy = -Math.min(reach, y); dy <= reach && y + dy < height; dy++) {
    for (let dx = -Math.min(reach, x); dx <= reach && x + dx < width; dx++) {
      if (dx * dx + dy * dy < tolerance * tolerance && region[best + dy * width + dx]! > 0.5) return true;
    }
  }
  return false;
}
