import {
  areaUnder,
  type Bootstrap,
  BootstrapMean,
  blurred,
  confidenceDrop,
  confidenceIncreases,
  exchangePixels,
  imputeLinear,
  mapComplexity,
  pixelOrder,
  sparseness,
} from '../metrics/index.ts';
import { normal, type Random, randomFor } from '../random/index.ts';
import type { Explainer } from './explainer.ts';
import { measuredMean } from './measured.ts';
import type { FaithfulnessResult, FaithfulnessScores, Measured } from './result.ts';

/** Shares of pixels of the insertion and deletion curves, and of ROAD. */
const curveShares = Array.from({ length: 11 }, (_, i) => i / 10);
const roadShares = [0.2, 0.4, 0.6, 0.8];
/** Deviation of the noise that ROAD adds to what it imputes, of values in [0, 1]. */
const roadNoise = 0.01;

/** Probabilities of at most float32's rounding of 1 are 0: what one of them has more is no win. */
const ZERO = 2 ** -24;

/** A pair whose map is tested. */
export interface TestedPair {
  readonly class: number;
  /** [H·W·3] */
  readonly image: Float32Array;
  /** Probability of the class on the image. */
  readonly whole: number;
  /** [H·W] per method, as the methods give them. */
  readonly maps: readonly Float32Array[];
  /** Position of the image in the split; of ROAD's noise. */
  readonly position: number;
  readonly counts: Uint8Array;
}

/** What the maps of a pair did to the probability of its class, for its record. */
export interface PairEffect {
  readonly drop: number;
  readonly increase: boolean;
}

/**
 * Measures whether the maps show what the network uses: what happens to the probability of the class when pixels are
 * shown, removed or imputed in the order of the map. Images are made one by one and scored in batches.
 */
export class FaithfulnessMeasure {
  readonly #methods: readonly string[];
  readonly #queue: ScoreQueue;
  readonly #imageSize: readonly [number, number];
  readonly #bootstrap: Bootstrap;
  readonly #seed: number;
  readonly #tallies: readonly Tally[];
  readonly #wins: number[][];
  #images = 0;
  #pairs = 0;

  constructor(explainer: Explainer, bootstrap: Bootstrap) {
    const { methods, imageSize } = explainer.options;
    this.#methods = methods;
    this.#queue = new ScoreQueue(explainer);
    this.#imageSize = imageSize;
    this.#bootstrap = bootstrap;
    this.#seed = bootstrap.seed;
    this.#tallies = methods.map(() => new Tally(bootstrap));
    this.#wins = methods.map(() => methods.map(() => 0));
  }

  /** Measures the pairs of one image. @returns the effects, by pair and method */
  measure(pairs: readonly TestedPair[]): PairEffect[][] {
    const outcomes = pairs.map((pair) => this.#enqueue(pair));
    this.#queue.flush();
    this.#images++;
    return pairs.map((pair, i) => {
      this.#pairs++;
      const ofMethods = outcomes[i]!;
      for (const [a, one] of ofMethods.entries()) {
        this.#tallies[a]!.add(pair.whole, one, pair.counts);
        for (const [b, other] of ofMethods.entries()) {
          if (one.shown > other.shown && one.shown > ZERO) this.#wins[a]![b]!++;
        }
      }
      return ofMethods.map(({ shown }) => ({
        drop: Math.round(confidenceDrop(pair.whole, shown) * 1e4) / 1e4,
        increase: confidenceIncreases(pair.whole, shown),
      }));
    });
  }

  result(): FaithfulnessResult {
    const byMethod = <T>(value: (m: number) => T) =>
      Object.fromEntries(this.#methods.map((method, m) => [method, value(m)]));
    return {
      images: this.#images,
      pairs: this.#pairs,
      methods: byMethod((m) => this.#tallies[m]!.scores()),
      win: byMethod((a) =>
        Object.fromEntries(
          this.#methods.flatMap((method, b) =>
            a === b ? [] : [[method, this.#wins[a]![b]! / this.#pairs] as const],
          ),
        ),
      ),
    };
  }

  get bootstrap(): Bootstrap {
    return this.#bootstrap;
  }

  #enqueue(pair: TestedPair): Outcome[] {
    const [height, width] = this.#imageSize;
    const { image, class: index } = pair;
    const empty = new Float32Array(image.length);
    const soft = blurred(image, height, width, Math.max(height, width) / 20);
    const pixels = height * width;
    return pair.maps.map((map) => {
      const shares = normalized(map);
      const order = pixelOrder(map);
      const reversed = order.slice().reverse();
      const first = (share: number, from = order) => from.subarray(0, Math.round(share * pixels));
      const outcome: Outcome = {
        shown: 0,
        sparseness: sparseness(shares),
        entropy: mapComplexity(shares) / Math.log(Math.max(2, pixels)),
        insertion: [],
        deletion: [],
        most: [],
        least: [],
      };
      const score = (fill: (out: Float32Array) => void, keep: (p: number) => void) =>
        this.#queue.add(index, fill, keep);
      score(
        (out) => multiply(image, shares, out),
        (p) => {
          outcome.shown = p;
        },
      );
      for (const [i, share] of curveShares.entries()) {
        score(
          (out) => exchangePixels(image, empty, first(share), out),
          (p) => {
            outcome.deletion[i] = p;
          },
        );
        score(
          (out) => exchangePixels(soft, image, first(share), out),
          (p) => {
            outcome.insertion[i] = p;
          },
        );
      }
      for (const [i, share] of roadShares.entries()) {
        for (const [kind, from] of [
          ['most', order],
          ['least', reversed],
        ] as const) {
          const random = randomFor(this.#seed, 'road', pair.position, index, i);
          score(
            (out) => remove(image, height, width, first(share, from), out, random),
            (p) => {
              outcome[kind][i] = p;
            },
          );
        }
      }
      return outcome;
    });
  }
}

/** Probabilities of the class on the changed images of one map. */
interface Outcome {
  /** On the map times the image. */
  shown: number;
  /** Of the map itself; NaN of a dead one. */
  readonly sparseness: number;
  readonly entropy: number;
  readonly insertion: number[];
  readonly deletion: number[];
  readonly most: number[];
  readonly least: number[];
}

type Curves = Record<'insertion' | 'deletion' | 'most' | 'least', number[]>;

class Tally {
  readonly #means: Record<
    'drop' | 'increase' | 'insertion' | 'deletion' | 'most' | 'least' | 'road' | 'sparseness' | 'entropy',
    BootstrapMean
  >;
  readonly #curves: Curves = {
    insertion: sums(curveShares),
    deletion: sums(curveShares),
    most: sums(roadShares),
    least: sums(roadShares),
  };
  #count = 0;

  constructor(bootstrap: Bootstrap) {
    const mean = () => new BootstrapMean(bootstrap);
    this.#means = {
      drop: mean(),
      increase: mean(),
      insertion: mean(),
      deletion: mean(),
      most: mean(),
      least: mean(),
      road: mean(),
      sparseness: mean(),
      entropy: mean(),
    };
  }

  add(whole: number, outcome: Outcome, counts: Uint8Array): void {
    const { shown, insertion, deletion, most, least } = outcome;
    this.#count++;
    const means = this.#means;
    means.drop.add(confidenceDrop(whole, shown), counts);
    means.increase.add(Number(confidenceIncreases(whole, shown)), counts);
    means.insertion.add(areaUnder(curveShares, insertion), counts);
    means.deletion.add(areaUnder(curveShares, deletion), counts);
    const mean = (values: readonly number[]) => values.reduce((sum, one) => sum + one, 0) / values.length;
    means.most.add(mean(most), counts);
    means.least.add(mean(least), counts);
    means.road.add((mean(least) - mean(most)) / 2, counts);
    // A dead map has no distribution.
    if (!Number.isNaN(outcome.sparseness)) {
      means.sparseness.add(outcome.sparseness, counts);
      means.entropy.add(outcome.entropy, counts);
    }
    for (const [name, values] of Object.entries({ insertion, deletion, most, least })) {
      const sum = this.#curves[name as keyof Curves];
      for (const [i, value] of values.entries()) sum[i]! += value;
    }
  }

  scores(): FaithfulnessScores {
    const { drop, increase, insertion, deletion, most, least, road, sparseness, entropy } = this.#means;
    const measured = (mean: BootstrapMean): Measured => measuredMean(mean);
    const curve = (values: readonly number[]) => values.map((sum) => sum / this.#count);
    return {
      averageDrop: measured(drop),
      increaseInConfidence: measured(increase),
      insertion: measured(insertion),
      deletion: measured(deletion),
      roadMostRelevant: measured(most),
      roadLeastRelevant: measured(least),
      road: measured(road),
      sparseness: measured(sparseness),
      entropy: measured(entropy),
      curves: {
        shares: curveShares,
        insertion: curve(this.#curves.insertion),
        deletion: curve(this.#curves.deletion),
        roadShares,
        roadMostRelevant: curve(this.#curves.most),
        roadLeastRelevant: curve(this.#curves.least),
      },
    };
  }
}

/** Collects images until a batch is full, then scores them. */
class ScoreQueue {
  readonly #explainer: Explainer;
  readonly #images: Float32Array;
  readonly #size: number;
  #waiting: { class: number; keep: (probability: number) => void }[] = [];

  constructor(explainer: Explainer) {
    const { imageSize, batchSize } = explainer.options;
    this.#explainer = explainer;
    this.#size = imageSize[0] * imageSize[1] * 3;
    this.#images = new Float32Array(batchSize * this.#size);
  }

  add(index: number, fill: (out: Float32Array) => void, keep: (probability: number) => void): void {
    const at = this.#waiting.length * this.#size;
    fill(this.#images.subarray(at, at + this.#size));
    this.#waiting.push({ class: index, keep });
    if (this.#waiting.length === this.#explainer.options.batchSize) this.flush();
  }

  flush(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    const scores = this.#explainer.score(this.#images, waiting.length);
    const classes = scores.length / waiting.length;
    for (const [i, { class: index, keep }] of waiting.entries()) keep(scores[i * classes + index]!);
  }
}

/** The map clipped at 0 and divided by its maximum, as L^c of Grad-CAM++ is. */
function normalized(map: Float32Array): Float32Array {
  let peak = 0;
  for (let i = 0; i < map.length; i++) peak = Math.max(peak, map[i]!);
  return map.map((value) => (peak > 0 ? Math.max(0, value) / peak : 0));
}

function multiply(image: Float32Array, map: Float32Array, out: Float32Array): void {
  for (let i = 0; i < map.length; i++) {
    for (let at = 3 * i; at < 3 * i + 3; at++) out[at] = image[at]! * map[i]!;
  }
}

function remove(
  image: Float32Array,
  height: number,
  width: number,
  pixels: Uint32Array,
  out: Float32Array,
  random: Random,
): void {
  out.set(image);
  imputeLinear(out, height, width, pixels);
  for (let i = 0; i < pixels.length; i++) {
    for (let at = 3 * pixels[i]!; at < 3 * pixels[i]! + 3; at++) out[at]! += roadNoise * normal(random);
  }
}

function sums(shares: readonly number[]): number[] {
  return shares.map(() => 0);
}
