/** Pixels of one class, or of the background, in one image. */
export interface CueCount {
  /** The class; C for the background. */
  readonly class: number;
  readonly intersection: number;
  readonly union: number;
}

interface ClassPixels {
  readonly class: number;
  /** [H·W]: a map in [0, 1], or a mask. */
  readonly values: ArrayLike<number>;
}

/**
 * Localization cues of an image against its true segmentation.
 *
 * A pixel belongs to the class whose map is highest there among those above `share` of their maximum, else to the
 * background: the seeds of weakly-supervised segmentation (Kolesnikov & Lampert, SEC, ECCV 2016, with 20 %). Where
 * true masks overlap, the first one counts.
 *
 * @param maps one per true class, in [0, 1] with maximum 1
 * @param masks one per true class
 * @param classes C
 * @returns intersection and union per class that occurs, the background included; sum them over images for mIoU
 */
export function cueCounts(
  maps: readonly ClassPixels[],
  masks: readonly ClassPixels[],
  classes: number,
  share = 0.2,
): CueCount[] {
  const counts = new Map<number, { both: number; cue: number; truth: number }>();
  for (const index of [classes, ...maps.map((map) => map.class), ...masks.map((mask) => mask.class)]) {
    counts.set(index, { both: 0, cue: 0, truth: 0 });
  }
  const pixels = (maps[0] ?? masks[0])?.values.length ?? 0;
  for (let i = 0; i < pixels; i++) {
    let [cue, highest] = [classes, share];
    for (const map of maps) if (map.values[i]! > highest) [cue, highest] = [map.class, map.values[i]!];
    let truth = classes;
    for (const mask of masks) {
      if (mask.values[i]! <= 0.5) continue;
      truth = mask.class;
      break;
    }
    counts.get(cue)!.cue++;
    counts.get(truth)!.truth++;
    if (cue === truth) counts.get(cue)!.both++;
  }
  return [...counts].map(([index, { both, cue, truth }]) => ({
    class: index,
    intersection: both,
    union: cue + truth - both,
  }));
}
