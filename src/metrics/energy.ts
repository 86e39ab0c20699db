/**
 * Share of a map's energy that lies in the true region (the energy-based pointing game, Wang et al. 2020,
 * Score-CAM): Σ_in M⁺ / Σ M⁺.
 *
 * @param map [h·w], negative values count as nothing.
 * @param mask [h·w], 1 inside.
 * @returns in [0, 1]; 0 for a map without any energy.
 */
export function energyInMask(map: ArrayLike<number>, mask: ArrayLike<number>): number {
  let inside = 0;
  let total = 0;
  for (let i = 0; i < map.length; i++) {
    const value = Math.max(0, map[i]!);
    total += value;
    if (mask[i]! > 0.5) inside += value;
  }
  return total > 0 ? inside / total : 0;
}

/**
 * Pointing game (Zhang et al. 2016): is the map's largest value inside the true region?
 *
 * @param map [h·w]. A map without positive value never hits.
 * @param mask [h·w], 1 inside.
 */
export function pointingHit(map: ArrayLike<number>, mask: ArrayLike<number>): boolean {
  let best = -1;
  for (let i = 0; i < map.length; i++) if (map[i]! > 0 && (best < 0 || map[i]! > map[best]!)) best = i;
  return best >= 0 && mask[best]! > 0.5;
}
