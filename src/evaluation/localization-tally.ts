import {
  type Bootstrap,
  BootstrapMean,
  BootstrapMeans,
  BoxAccuracyCurve,
  bestIou,
  type CueCount,
  energyInMask,
  type IouByLevel,
  levelCount,
  locDelta,
  type PixelBox,
  pointsAt,
  thresholdOf,
} from '../metrics/index.ts';
import { CueTally } from './cue-tally.ts';
import { meanOfNumbers, orNull, withInterval } from './measured.ts';
import { PixelTally } from './pixel-tally.ts';
import type { LocalizationScores, MaybeMeasured, Measured } from './result.ts';
import type { Truth } from './truth.ts';

/** δ of Loc^c(δ), as in the paper's table. */
const locDeltas = [0, 0.25, 0.5];

const locMeans = locDeltas.map((delta) => `loc ${delta}`);
const mapMeans = ['energy', 'pointing', 'pointingTolerant', ...locMeans];
const constantMeans = ['energy', 'pointing', ...locMeans];

export interface TallyOptions {
  readonly classes: number;
  readonly imageSize: readonly [number, number];
  /** T, of clips. */
  readonly frames?: number | undefined;
  readonly iouLevels: readonly number[];
  readonly tolerance: number;
  readonly bootstrap: Bootstrap;
  /** Level of the threshold; undefined for a baseline that has none. */
  readonly level: number | undefined;
}

/** What is known of one map of one true class. */
export interface MeasuredMap {
  readonly class: number;
  /** Rank of the class among the scores, from 1. */
  readonly rank: number;
  readonly truth: Truth;
  /** Counts of the image, from the bootstrap. */
  readonly counts: Uint8Array;
  /** [H·W], of clips [T·H·W], as the method gives it. */
  readonly map: Float32Array;
  /** [H·W] min-max normalised. */
  readonly normalized: Float32Array;
  /** undefined of clips, as all that follows from it. */
  readonly box: PixelBox | undefined;
  readonly iou: number;
  /** Best IoU of any contour at the threshold. */
  readonly anyIou: number;
  readonly byLevel: IouByLevel | undefined;
}

/** Sums of the localization measures of one method over a split. Its memory does not depend on the images. */
export class LocalizationTally {
  readonly #options: TallyOptions;
  readonly #boxMeans: readonly string[];
  readonly #curve: BoxAccuracyCurve;
  /** By name, which of several means that grow together. */
  readonly #means = new Map<string, { means: BootstrapMeans; k: number }>();
  readonly #perClass = new Map<number, BootstrapMean>();
  readonly #pixels: PixelTally;
  readonly #cues: CueTally;

  constructor(options: TallyOptions) {
    this.#options = options;
    this.#boxMeans = ['boxAcc', 'iou', 'top1', 'top5', 'v2', ...options.iouLevels.map((_, i) => `v2 ${i}`)];
    this.#curve = new BoxAccuracyCurve(options.iouLevels);
    this.#pixels = new PixelTally(options.bootstrap);
    this.#cues = new CueTally(options.bootstrap);
  }

  /** Adds the map of a pair. @returns what its record shows */
  add(measured: MeasuredMap): { pointing: boolean; energy: number } {
    const { truth, map, normalized, counts } = measured;
    const { tolerance, imageSize } = this.#options;
    if (measured.byLevel) {
      this.#curve.add(measured.byLevel);
      this.addBox(measured);
    }
    const energy = energyInMask(map, truth.region);
    const pointing = pointsAt(map, truth.region, imageSize[1], 0);
    const tolerant = pointing || pointsAt(...this.#inFrame(map, truth.region), imageSize[1], tolerance);
    const locs = locDeltas.map((delta) => locDelta(normalized, truth.boxRegion, delta));
    this.#add(mapMeans, [energy, Number(pointing), Number(tolerant), ...locs], counts);
    if (truth.hasMask) this.#pixels.add(normalized, truth.region, counts);
    return { pointing, energy };
  }

  /** Of a clip the frame with the peak: a margin reaches over pixels, not over time. */
  #inFrame(map: Float32Array, region: Float32Array): [Float32Array, Float32Array] {
    const { frames, imageSize } = this.#options;
    if (frames === undefined) return [map, region];
    const size = imageSize[0] * imageSize[1];
    const peak = map.reduce((best, value, i) => (value > map[best]! ? i : best), 0);
    const start = Math.trunc(peak / size) * size;
    return [map.subarray(start, start + size), region.subarray(start, start + size)];
  }

  /** The measures of a box alone. */
  addBox({
    iou,
    anyIou,
    rank,
    counts,
    class: index,
  }: Pick<MeasuredMap, 'iou' | 'anyIou' | 'rank' | 'counts' | 'class'>): void {
    const hit = Number(iou >= 0.5);
    const hits = this.#options.iouLevels.map((level) => Number(anyIou >= level));
    const v2 = hits.reduce((sum, one) => sum + one, 0) / hits.length;
    const tops = [rank <= 1 ? hit : 0, rank <= 5 ? hit : 0];
    this.#add(this.#boxMeans, [hit, iou, ...tops, v2, ...hits], counts);
    entry(this.#perClass, index, () => new BootstrapMean(this.#options.bootstrap)).add(hit, counts);
  }

  /** The measures of a map that is the same everywhere; a pixel drawn at random stands for its peak. */
  addConstantMap({ truth, counts }: Pick<MeasuredMap, 'truth' | 'counts'>): void {
    const share = truth.region.reduce((sum, value) => sum + value, 0) / truth.region.length;
    const ones = new Float32Array(truth.region.length).fill(1);
    const locs = locDeltas.map((delta) => locDelta(ones, truth.boxRegion, delta));
    this.#add(constantMeans, [share, share, ...locs], counts);
    if (truth.hasMask) this.#pixels.add(ones, truth.region, counts);
  }

  /** Cues of an image, from `cueCounts`. */
  addCues(cues: readonly CueCount[], counts: Uint8Array): void {
    this.#cues.add(cues, counts);
  }

  scores(deadShare: number): LocalizationScores {
    const { iouLevels, level, classes } = this.#options;
    const perClass = Array.from({ length: classes }, (_, c) => this.#perClass.get(c));
    const hasCurve = this.#curve.count > 0;
    return {
      threshold: level === undefined ? null : thresholdOf(level),
      box: null,
      boxAcc: this.#measured('boxAcc'),
      boxAccV2: this.#measured('v2'),
      boxAccV2PerIou: this.#means.has('v2 0')
        ? iouLevels.map((_, i) => this.#measured(`v2 ${i}`) as Measured)
        : null,
      meanIou: this.#measured('iou'),
      top1Localization: this.#measured('top1'),
      top5Localization: this.#measured('top5'),
      corLocPerClass: perClass.map((mean) => (mean ? mean.mean : null)),
      corLoc: this.#corLoc(),
      pointing: this.#measured('pointing'),
      pointingTolerant: this.#measured('pointingTolerant'),
      energy: this.#measured('energy'),
      loc: this.#means.has('loc 0')
        ? locDeltas.map((delta) => ({ delta, score: this.#measured(`loc ${delta}`) as Measured }))
        : null,
      pxAp: this.#pixels.averagePrecision(),
      ...this.#cues.scores(classes),
      deadShare,
      bestThresholdOnThisSplit: hasCurve ? this.#oracle() : null,
      curves: {
        threshold: hasCurve ? this.#thresholdCurve() : null,
        precisionRecall: this.#pixels.curve(),
      },
    };
  }

  /** Adds to means that always come together. */
  #add(names: readonly string[], values: readonly number[], counts: Uint8Array): void {
    const known = this.#means.get(names[0]!);
    const means = known?.means ?? new BootstrapMeans(this.#options.bootstrap, names.length);
    if (!known) for (const [k, name] of names.entries()) this.#means.set(name, { means, k });
    means.add(values, counts);
  }

  #measured(name: string): MaybeMeasured {
    const found = this.#means.get(name);
    if (!found) return null;
    const { value, low, high } = found.means.interval(found.k);
    return { value, low: orNull(low), high: orNull(high), count: found.means.count };
  }

  #corLoc(): MaybeMeasured {
    const classes = [...this.#perClass.values()];
    if (classes.length === 0) return null;
    const replicates = classes.map((mean) => mean.replicates);
    const means = Array.from({ length: this.#options.bootstrap.replicates }, (_, r) =>
      meanOfNumbers(replicates.map((values) => values[r]!)),
    );
    const value = meanOfNumbers(classes.map((mean) => mean.mean));
    const count = classes.reduce((sum, mean) => sum + mean.count, 0);
    return withInterval(this.#options.bootstrap, value, means, count);
  }

  #oracle(): NonNullable<LocalizationScores['bestThresholdOnThisSplit']> {
    const { best, bestV2 } = this.#curve;
    return {
      maxBoxAcc: best.value,
      threshold: thresholdOf(best.level),
      maxBoxAccV2: bestV2.value,
      thresholdsV2: bestV2.levels.map(thresholdOf),
    };
  }

  #thresholdCurve(): NonNullable<LocalizationScores['curves']['threshold']> {
    const levels = Array.from({ length: levelCount }, (_, level) => level).filter((level) => level % 3 === 0);
    const thin = (values: Float64Array) => levels.map((level) => values[level]!);
    return {
      thresholds: levels.map(thresholdOf),
      boxAcc: thin(this.#curve.boxAcc),
      boxAccV2: this.#curve.boxAccV2.map(thin),
    };
  }
}

/** The level whose largest boxes are right most often, of maps of a split on which boxes may be looked at. */
export class ThresholdChoice {
  readonly #curve = new BoxAccuracyCurve([0.5]);

  add(byLevel: IouByLevel): void {
    this.#curve.add(byLevel);
  }

  get level(): number {
    return this.#curve.best.level;
  }
}

/** IoU of one box with the truth, for baselines without a map. */
export function boxMeasures(box: PixelBox, truth: Truth): { iou: number; anyIou: number } {
  const iou = bestIou(box, truth.boxes);
  return { iou, anyIou: iou };
}

/** The entry of a key, made when there is none. */
function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const found = map.get(key) ?? make();
  map.set(key, found);
  return found;
}
