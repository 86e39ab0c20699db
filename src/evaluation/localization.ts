import type { Dataset } from '../data/index.ts';
import { isDeadMap, type MapMethod } from '../gradcam/index.ts';
import {
  type Bootstrap,
  bestConstantBox,
  bestIou,
  boxAt,
  byteMap,
  ContourSweep,
  centreMap,
  cueCounts,
  type IouByLevel,
  iouByLevel,
  labelPairs,
  levelCount,
  type PixelBox,
} from '../metrics/index.ts';
import type { BatchReader } from './batch-reader.ts';
import type { ExplainedPair } from './explained-image.ts';
import type { ExplainedBatch, Explainer } from './explainer.ts';
import { boxMeasures, LocalizationTally, ThresholdChoice } from './localization-tally.ts';
import type { ThresholdSource } from './options.ts';
import type { LocalizationResult, PairMeasures } from './result.ts';
import { type Truth, truthOf } from './truth.ts';

/** What is decided on a split whose boxes may be looked at, before the evaluated one is. */
export interface Calibration {
  readonly from: LocalizationResult['thresholdFrom'];
  /** Level of the one threshold of each method. */
  readonly levels: readonly number[];
  readonly centreLevel: number;
  readonly constantBox: PixelBox | undefined;
}

/**
 * Chooses a threshold for each method, and the box that fits best, on a split.
 *
 * @param onImages told how many images are done
 */
export async function calibrate(
  explainer: Explainer,
  dataset: Dataset,
  source: ThresholdSource,
  read: BatchReader,
  onImages: (images: number) => void,
): Promise<Calibration> {
  const { methods, imageSize } = explainer.options;
  const [height, width] = imageSize;
  if ('value' in source) {
    const level = Math.trunc(source.value * levelCount);
    return { from: 'given', levels: methods.map(() => level), centreLevel: level, constantBox: undefined };
  }
  const choices = methods.map(() => new ThresholdChoice());
  const centre = new ThresholdChoice();
  const reader = new MapReader(height, width);
  const centreBoxes = new CentreBoxes(height, width);
  const boxes: (readonly PixelBox[])[] = [];
  let images = 0;
  for await (const batch of read(source.split)) {
    const pairs = labelPairs(batch, dataset.classes.length, Number.POSITIVE_INFINITY);
    const truths = pairs.map((pair) => truthOf(batch, pair, imageSize));
    const explained = explainer.explain(batch, pairs);
    for (const [p, truth] of truths.entries()) {
      if (!truth) continue;
      boxes.push(truth.boxes);
      for (const [m, choice] of choices.entries()) {
        choice.add(reader.measure(explained.map(m, p), truth, -1).byLevel);
      }
      centre.add(centreBoxes.iou(truth));
    }
    images += batch.size;
    onImages(images);
  }
  return {
    from: { split: source.split, images },
    levels: choices.map(({ level }) => level),
    centreLevel: centre.level,
    constantBox: bestConstantBox(boxes, height, width),
  };
}

export interface LocalizationOptions {
  readonly classes: number;
  readonly imageSize: readonly [number, number];
  readonly iouLevels: readonly number[];
  readonly tolerance: number;
  readonly bootstrap: Bootstrap;
}

/** Measures the maps of a split, and the baselines beside them. */
export class LocalizationMeasure {
  readonly #methods: readonly MapMethod[];
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

  constructor(methods: readonly MapMethod[], calibration: Calibration, options: LocalizationOptions) {
    const [height, width] = options.imageSize;
    this.#methods = methods;
    this.#calibration = calibration;
    this.#options = options;
    this.#reader = new MapReader(height, width);
    this.#tallies = calibration.levels.map((level) => new LocalizationTally({ ...options, level }));
    this.#centre = new LocalizationTally({ ...options, level: calibration.centreLevel });
    this.#constantBox = new LocalizationTally({ ...options, level: undefined });
    this.#constantMap = new LocalizationTally({ ...options, level: undefined });
    this.#centreBoxes = new CentreBoxes(height, width);
    this.#dead = methods.map(() => 0);
  }

  /**
   * Adds the pairs of one image.
   *
   * @returns what each pair's record shows, by method
   */
  addImage(
    explained: ExplainedBatch,
    pairs: readonly ExplainedPair[],
    counts: Uint8Array,
  ): Record<string, PairMeasures>[] {
    const records = pairs.map(() => ({}) as Record<string, PairMeasures>);
    const masks = pairs.flatMap(({ pair, truth }) =>
      truth?.hasMask ? [{ class: pair.class, values: truth.region }] : [],
    );
    for (const [m, method] of this.#methods.entries()) {
      const cueMaps: { class: number; values: Float32Array }[] = [];
      for (const [i, { index, pair, rank, truth }] of pairs.entries()) {
        const map = explained.map(m, index);
        const dead = isDeadMap(explained.smallMap(m, index));
        if (dead) this.#dead[m]!++;
        const measured = this.#reader.measure(map, truth, this.#calibration.levels[m]!);
        if (!truth) {
          records[i]![method] = { box: measured.box, dead } as PairMeasures;
          continue;
        }
        const all = { ...measured, class: pair.class, rank, truth, counts, map };
        const { pointing, energy } = this.#tallies[m]!.add(all);
        if (masks.length === pairs.length) {
          cueMaps.push({ class: pair.class, values: measured.normalized.slice() });
        }
        records[i]![method] = {
          box: measured.box,
          iou: round(measured.iou),
          hit: measured.iou >= 0.5,
          bestContourIou: round(measured.anyIou),
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
    for (const { pair, rank, truth } of pairs) {
      if (truth) this.#addBaselines(truth, pair.class, rank, counts);
    }
    return records;
  }

  #addBaselines(truth: Truth, index: number, rank: number, counts: Uint8Array): void {
    const [height, width] = this.#options.imageSize;
    const common = { class: index, rank, truth, counts };
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

/** The map of the `centre` baseline, and its one box at each level. */
class CentreBoxes {
  readonly map: Float32Array;
  readonly normalized: Float32Array;
  readonly boxes: PixelBox[] = [];
  readonly #byLevel: IouByLevel;

  constructor(height: number, width: number) {
    this.map = centreMap(height, width);
    this.normalized = normalizeMap(this.map, new Float32Array(height * width));
    new ContourSweep(height, width).sweep(byteMap(this.map), (level, boxes) => {
      this.boxes[level] = boxAt(boxes, 0);
    });
    const values = new Float32Array(levelCount);
    // One contour: the largest and any are the same.
    this.#byLevel = { largest: values, any: values };
  }

  iou(truth: Truth): IouByLevel {
    for (const [level, box] of this.boxes.entries()) this.#byLevel.largest[level] = bestIou(box, truth.boxes);
    return this.#byLevel;
  }
}

/** Boxes and normalised values of maps; what it returns is overwritten by the next map. */
class MapReader {
  readonly #sweep: ContourSweep;
  readonly #bytes: Uint8Array<ArrayBuffer>;
  readonly #normalized: Float32Array;
  readonly #byLevel: IouByLevel = {
    largest: new Float32Array(levelCount),
    any: new Float32Array(levelCount),
  };

  constructor(height: number, width: number) {
    this.#sweep = new ContourSweep(height, width);
    this.#bytes = new Uint8Array(height * width);
    this.#normalized = new Float32Array(height * width);
  }

  measure(map: Float32Array, truth: Truth | undefined, level: number) {
    const byLevel = this.#byLevel;
    const bytes = byteMap(map, this.#bytes);
    const box = iouByLevel(this.#sweep, bytes, truth?.boxes ?? [], byLevel, level);
    return {
      byLevel,
      box,
      iou: byLevel.largest[level] ?? 0,
      anyIou: byLevel.any[level] ?? 0,
      normalized: normalizeMap(map, this.#normalized),
    };
  }
}

/** Min-max; zeros for a map of one value. */
function normalizeMap(map: Float32Array, out: Float32Array): Float32Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < map.length; i++) {
    if (!(map[i]! >= low)) low = map[i]!;
    if (!(map[i]! <= high)) high = map[i]!;
  }
  const range = high - low;
  if (!(range > 0 && Number.isFinite(range))) return out.fill(0);
  for (let i = 0; i < map.length; i++) out[i] = (map[i]! - low) / range;
  return out;
}

/** Four digits: what a record needs. */
function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
