import type { Cell, Dataset, Fit, PredictedMasks } from '../data/index.ts';
import type { Bootstrap, Interval } from '../metrics/index.ts';
import type { Scorer } from './scorer.ts';

/** Which composites are asked about. */
export interface CompositeQuestion {
  readonly split: string;
  readonly imageSize: readonly [number, number];
  readonly fit: Fit;
  /** Composites of each of the four cells. */
  readonly perCell: number;
  readonly seed: number;
  /** Masks of a segmenter; without, those of the split. */
  readonly predicted?: PredictedMasks | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** How a class is answered in one cell of ground × object. */
export interface CellAnswers extends Cell {
  readonly composites: number;
  /** Share answered rightly. */
  readonly right: number;
}

/** How the answer to a class goes with its object and with its ground, where the two were drawn independently. */
export interface CompositeAnswers {
  readonly cells: readonly CellAnswers[];
  /**
   * Mean of the two cells where object and ground come apart: what a shortcut gets wrong. A constant answer has 0.5.
   */
  readonly apart: Interval;
  /** Mean of the two cells where they go together, as in the data. */
  readonly together: Interval;
  /** together − apart: how much the answer follows the ground. About 0 for a classifier without a shortcut. */
  readonly lean: Interval;
  /** The smaller of the two cells where they come apart: 0 for one that always says no, or always yes. */
  readonly worst: number;
  /** Area under the ROC curve of the score over the two cells where they come apart. */
  readonly auc: number;
}

/** A composite and its answer, for pictures and for features of its ground. */
export interface AnsweredComposite extends Cell {
  readonly picture: Float32Array;
  readonly object: Uint8Array | undefined;
  /** Classes that its label names beside the one that is asked about. */
  readonly others: readonly number[];
  readonly logit: number;
  readonly yes: boolean;
}

const batchSize = 50;

/**
 * The composites of one class that a question is about: a quarter each of its own ground with and without it, and of
 * other grounds with and without it. Where nothing large enough could be cut, a composite belongs to the cell that it
 * shows, and not to the one that was wanted.
 *
 * @throws {UsageError} when there is no mask to cut along, or no ground without the class
 */
export async function* drawComposites(
  dataset: Dataset,
  c: number,
  { split, imageSize, fit, perCell, seed, predicted, signal }: CompositeQuestion,
): AsyncGenerator<Omit<AnsweredComposite, 'logit' | 'yes'>> {
  const cells: Cell[] = Array.from({ length: 4 * perCell }, (_, i) => ({
    ground: i % 4 < 2,
    present: i % 2 === 0,
  }));
  const made = dataset.composites(
    split,
    {
      imageSize,
      fit,
      seed,
      masks: predicted ? 'none' : 'all',
      ...(predicted && { predicted }),
      composites: { suspects: [c], perBatch: batchSize },
    },
    cells,
  );
  let n = 0;
  for await (const { picture, regions, labels } of made) {
    signal?.throwIfAborted();
    const others = [...labels.keys()].filter((k) => k !== c && labels[k]! > 0.5);
    const { ground } = cells[n++]!;
    yield { ground, present: labels[c]! > 0.5, picture: picture.data, object: regions.get(c), others };
  }
}

/**
 * Asks a classifier about {@link drawComposites}.
 *
 * @throws {UsageError} when there is no mask to cut along, or no ground without the class
 */
export async function answerComposites(
  scorer: Scorer,
  dataset: Dataset,
  c: number,
  question: CompositeQuestion,
  bootstrap: Bootstrap,
): Promise<{ answers: CompositeAnswers; composites: AnsweredComposite[] }> {
  const composites: AnsweredComposite[] = [];
  let waiting: Omit<AnsweredComposite, 'logit' | 'yes'>[] = [];
  const ask = () => {
    const scores = scorer.logits(waiting.map(({ picture }) => picture));
    waiting.forEach((one, i) => {
      const row = scores[i]!;
      composites.push({ ...one, logit: scorer.margin(row, c), yes: scorer.says(row, c) });
    });
    waiting = [];
  };
  for await (const drawn of drawComposites(dataset, c, question)) {
    waiting.push(drawn);
    if (waiting.length === batchSize) ask();
  }
  if (waiting.length > 0) ask();
  return { answers: summarise(composites, bootstrap), composites };
}

/** What the answers to some composites come to. */
export function summarise(
  composites: readonly Pick<AnsweredComposite, 'ground' | 'present' | 'yes' | 'logit'>[],
  bootstrap: Bootstrap,
): CompositeAnswers {
  const groups = [
    { ground: true, present: true },
    { ground: true, present: false },
    { ground: false, present: true },
    { ground: false, present: false },
  ];
  const indexOf = (one: Cell) => (one.ground ? 0 : 2) + (one.present ? 0 : 1);
  const count = new Float64Array(4);
  const right = new Float64Array(4);
  const replicateCount = groups.map(() => new Float64Array(bootstrap.replicates));
  const replicateRight = groups.map(() => new Float64Array(bootstrap.replicates));
  composites.forEach((one, i) => {
    const g = indexOf(one);
    const isRight = Number(one.yes === one.present);
    count[g]!++;
    right[g]! += isRight;
    bootstrap.counts(i).forEach((times, r) => {
      replicateCount[g]![r]! += times;
      replicateRight[g]![r]! += times * isRight;
    });
  });
  const share = (g: number) => right[g]! / count[g]!;
  const [together, apart] = [
    [0, 3],
    [1, 2],
  ] as const;
  const mean = ([a, b]: readonly [number, number]) => (share(a) + share(b)) / 2;
  const replicates = ([a, b]: readonly [number, number]) =>
    Float64Array.from({ length: bootstrap.replicates }, (_, r) => {
      const of = (g: number) => replicateRight[g]![r]! / replicateCount[g]![r]!;
      return (of(a) + of(b)) / 2;
    });
  const [replicatedTogether, replicatedApart] = [replicates(together), replicates(apart)];
  const pulled = composites.filter((one) => one.ground !== one.present);
  return {
    cells: groups.map((cell, g) => ({ ...cell, composites: count[g]!, right: share(g) })),
    apart: bootstrap.interval(mean(apart), replicatedApart),
    together: bootstrap.interval(mean(together), replicatedTogether),
    lean: bootstrap.interval(
      mean(together) - mean(apart),
      replicatedTogether.map((value, r) => value - replicatedApart[r]!),
    ),
    worst: Math.min(share(1), share(2)),
    auc: areaUnderCurve(
      pulled.filter(({ present }) => present).map(({ logit }) => logit),
      pulled.filter(({ present }) => !present).map(({ logit }) => logit),
    ),
  };
}

/**
 * Share of pairs (a positive, a negative) in which the positive has the higher score, ties counted half
 * (Mann & Whitney 1947). NaN where there is none of one kind.
 */
export function areaUnderCurve(positives: readonly number[], negatives: readonly number[]): number {
  if (positives.length === 0 || negatives.length === 0) return Number.NaN;
  const sorted = [...negatives].sort((a, b) => a - b);
  const below = (value: number, orEqual: boolean) => {
    let [low, high] = [0, sorted.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (sorted[middle]! < value || (orEqual && sorted[middle] === value)) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  const wins = positives.reduce((sum, value) => sum + (below(value, false) + below(value, true)) / 2, 0);
  return wins / (positives.length * negatives.length);
}
