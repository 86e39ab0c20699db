/**
 * Loc^c(δ) of Grad-CAM++ (Chattopadhay et al., WACV 2018, section 4.2):
 * internal pixels / (pixels of the boxes + external pixels), of the map above δ.
 *
 * @param map [H·W] in [0, 1]
 * @param region [H·W], > 0.5 in the boxes of the class
 * @param delta δ
 * @returns in [0, 1]; NaN for an empty region
 */
export function locDelta(map: ArrayLike<number>, region: ArrayLike<number>, delta: number): number {
  let [internal, external, area] = [0, 0, 0];
  for (let i = 0; i < map.length; i++) {
    const inside = region[i]! > 0.5;
    if (inside) area++;
    if (map[i]! > delta) {
      if (inside) internal++;
      else external++;
    }
  }
  return internal / (area + external);
}
