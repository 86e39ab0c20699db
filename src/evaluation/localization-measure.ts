import { type Bootstrap, cueCounts } from '../metrics/index.ts';
import type { Calibration } from './calibration.ts';
import { boxMeasures, LocalizationTally } from './localization-tally.ts';
import { CentreBoxes, MapReader } from './map-reader.ts';
import type { LocalizationResult, PairMeasures } from './result.ts';
import type { Truth } from './truth.ts';

// It runs in a thread of its own: nothing here may bring TensorFlow.js with it.

/** An image and one of its true classes. */
export interface LocatedPair {
  /** Among the pairs of the batch. */
  readonly index: number;
  readonly class: number;
  /** Of the class among the scores, from 1. */
  readonly rank: number;
  readonly truth: Truth | undefined;
}

/** Maps of a batch by method and pair. */
export interface MapsOfPairs {
  /** [H·W] as the method gives it. */
  map(method: number, pair: number): Float32Array;
  /** Whether it says nothing. */
  dead(method: number, pair: number): boolean;
}

export interface LocalizationOptions {
  readonly classes: number;
  readonly imageSize: readonly [number, number];
  /** T, of clips: their maps are measured over all frames, and have no boxes. */
  readonly frames?: number | undefined;
  readonly iouLevels: readonly number[];
  readonly tolerance: number;
  readonly bootstrap: Bootstrap;
}

/** Measures the maps of a split, and the baselines beside them. */
export class LocalizationMeasure {
  readonly #methods: readonly string[];
  readonly #calibration: Calibration;
  readonly #options: LocalizationOptions;
  readonly #reader: MapReader;
  readonly #tallies: readonly LocalizationTally[];
  readonly #centre: LocalizationTally;
  readonly #constantBox: LocalizationTally;
  readonly #constantMap: LocalizationTally;
  readonly #centreBoxes: CentreBoxes;
  readonly #dead: number[];
  #pairs = 0;

  constructor(methods: readonly string[], calibration: Calibration, options: LocalizationOptions) {
    const [height, width] = options.imageSize;
    const clips = options.frames !== undefined;
    this.#methods = methods;
    this.#calibration = calibration;
    this.#options = options;
    this.#reader = clips
      ? new MapReader(options.frames! * height, width, false)
      : new MapReader(height, width);
    // Without boxes there is no threshold.
    const leveled = (level: number) =>
      new LocalizationTally({ ...options, level: clips ? undefined : level });
    this.#tallies = calibration.levels.map(leveled);
    this.#centre = leveled(calibration.centreLevel);
    this.#constantBox = new LocalizationTally({ ...options, level: undefined });
    this.#constantMap = new LocalizationTally({ ...options, level: undefined });
    this.#centreBoxes = new CentreBoxes(height, width, options.frames);
    this.#dead = methods.map(() => 0);
  }

  /**
   * Adds the pairs of one image.
   *
   * @returns what each pair's record shows, by method
   */
  addImage(
    maps: MapsOfPairs,
    pairs: readonly LocatedPair[],
    counts: Uint8Array,
  ): Record<string, PairMeasures>[] {
    const records = pairs.map(() => ({}) as Record<string, PairMeasures>);
    const masks = pairs.flatMap(({ class: index, truth }) =>
      truth?.hasMask ? [{ class: index, values: truth.region }] : [],
    );
    for (const [m, method] of this.#methods.entries()) {
      const cueMaps: { class: number; values: Float32Array }[] = [];
      for (const [i, { index, class: own, rank, truth }] of pairs.entries()) {
        const map = maps.map(m, index);
        const dead = maps.dead(m, index);
        if (dead) this.#dead[m]!++;
        const measured = this.#reader.measure(map, truth, this.#calibration.levels[m]!);
        if (!truth) {
          records[i]![method] = { ...(measured.box && { box: measured.box }), dead } as PairMeasures;
          continue;
        }
        const all = { ...measured, class: own, rank, truth, counts, map };
        const { pointing, energy } = this.#tallies[m]!.add(all);
        if (masks.length === pairs.length) {
          // The reader writes the next map over it.
          const values = pairs.length === 1 ? measured.normalized : measured.normalized.slice();
          cueMaps.push({ class: own, values });
        }
        records[i]![method] = {
          ...(measured.box && {
            box: measured.box,
            iou: round(measured.iou),
            hit: measured.iou >= 0.5,
            bestContourIou: round(measured.anyIou),
          }),
          pointing,
          energy: round(energy),
          dead,
        } as PairMeasures;
      }
      if (cueMaps.length > 0) {
        this.#tallies[m]!.addCues(cueCounts(cueMaps, masks, this.#options.classes), counts);
      }
    }
    this.#pairs += pairs.length;
    for (const { class: own, rank, truth } of pairs) {
      if (truth) this.#addBaselines(truth, own, rank, counts);
    }
    return records;
  }

  #addBaselines(truth: Truth, index: number, rank: number, counts: Uint8Array): void {
    const [height, width] = this.#options.imageSize;
    const common = { class: index, rank, truth, counts };
    if (this.#options.frames !== undefined) {
      const { map, normalized } = this.#centreBoxes;
      this.#centre.add({ ...common, map, normalized, ...noBoxes });
      this.#constantMap.addConstantMap(common);
      return;
    }
    const { constantBox, centreLevel } = this.#calibration;
    const { map, normalized, boxes } = this.#centreBoxes;
    const byLevel = this.#centreBoxes.iou(truth);
    const iou = byLevel.largest[centreLevel]!;
    this.#centre.add({ ...common, map, normalized, box: boxes[centreLevel]!, byLevel, iou, anyIou: iou });
    if (constantBox) this.#constantBox.addBox({ ...common, ...boxMeasures(constantBox, truth) });
    this.#constantMap.addBox({ ...common, ...boxMeasures([0, 0, width - 1, height - 1], truth) });
    this.#constantMap.addConstantMap(common);
  }

  result(): LocalizationResult {
    const [height, width] = this.#options.imageSize;
    const scores = this.#methods.map(
      (method, m) => [method, this.#tallies[m]!.scores(this.#dead[m]! / this.#pairs)] as const,
    );
    const box = this.#calibration.constantBox;
    return {
      thresholdFrom: this.#calibration.from,
      methods: Object.fromEntries(scores),
      baselines: {
        centre: this.#centre.scores(0),
        'constant-map': this.#constantMap.scores(0),
        'constant-box': box
          ? {
              ...this.#constantBox.scores(0),
              box: [box[0] / width, box[1] / height, (box[2] + 1) / width, (box[3] + 1) / height],
            }
          : null,
      },
    };
  }
}

/** What a map of a clip has in place of boxes. */
const noBoxes = { box: undefined, byLevel: undefined, iou: 0, anyIou: 0 };

/** Four digits: what a record needs. */
function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
