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
  // Background first; a class that occurs twice is one.
  const ids = [...new Set([classes, ...maps.map((map) => map.class), ...masks.map((mask) => mask.class)])];
  const ofMaps = maps.map((map) => ids.indexOf(map.class));
  const ofMasks = masks.map((mask) => ids.indexOf(mask.class));
  const [both, cues, truths] = [
    new Uint32Array(ids.length),
    new Uint32Array(ids.length),
    new Uint32Array(ids.length),
  ];
  const valuesOfMaps = maps.map(({ values }) => values);
  const valuesOfMasks = masks.map(({ values }) => values);
  const pixels = (valuesOfMaps[0] ?? valuesOfMasks[0])?.length ?? 0;
  for (let i = 0; i < pixels; i++) {
    let cue = 0;
    let highest = share;
    for (let m = 0; m < valuesOfMaps.length; m++) {
      const value = valuesOfMaps[m]![i]!;
      if (value > highest) {
        highest = value;
        cue = ofMaps[m]!;
      }
    }
    let truth = 0;
    for (let m = 0; m < valuesOfMasks.length; m++) {
      if (valuesOfMasks[m]![i]! <= 0.5) continue;
      truth = ofMasks[m]!;
      break;
    }
    cues[cue]!++;
    truths[truth]!++;
    if (cue === truth) both[cue]!++;
  }
  return ids.map((index, i) => ({
    class: index,
    intersection: both[i]!,
    union: cues[i]! + truths[i]! - both[i]!,
  }));
}
