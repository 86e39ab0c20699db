import { isDeadMap } from '../gradcam/index.ts';
import type { ExplainedImage, ExplainedPair } from './explained-image.ts';
import type { ExplainedBatch } from './explainer.ts';
import type { MapFiles } from './map-files.ts';
import { mapThumbnail } from './map-thumbnail.ts';
import type { PairMeasures } from './result.ts';
import type { ResultWriter } from './result-files.ts';

/** What was measured of the pairs of an image, in their order, by method. */
export type MeasuredPairs = readonly Readonly<Record<string, PairMeasures>>[];

/** Writes down the images of a split, and counts them. */
export class SplitRecords {
  readonly counted = { images: 0, pairs: 0, pairsWithTruth: 0, boxes: 0, masks: 0 };
  readonly #methods: readonly string[];
  readonly #writer: ResultWriter | undefined;
  readonly #maps: MapFiles | undefined;
  readonly #frames: number | undefined;

  /** @param frames T, of clips */
  constructor(
    methods: readonly string[],
    writer: ResultWriter | undefined,
    maps: MapFiles | undefined,
    frames?: number,
  ) {
    this.#methods = methods;
    this.#frames = frames;
    this.#writer = writer;
    this.#maps = maps;
  }

  async add(image: ExplainedImage, explained: ExplainedBatch, measured: MeasuredPairs): Promise<void> {
    this.#count(image.pairs);
    await this.#writer?.record({
      id: image.id,
      index: image.index,
      labels: image.pairs.map(({ pair }) => pair.class),
      scores: Array.from(image.scores, (score) => Math.round(score * 1e4) / 1e4),
      pairs: image.pairs.map(({ index, pair, rank, truth }, i) => ({
        class: pair.class,
        rank,
        trueBoxes: truth?.boxes ?? [],
        methods: Object.fromEntries(
          this.#methods.map((method, m) => [
            method,
            withMap(measured[i]![method], explained, m, index, this.#frames),
          ]),
        ),
      })),
    });
    if (this.#maps) await this.#writeMaps(this.#maps, image, explained, measured);
  }

  #count(pairs: readonly ExplainedPair[]): void {
    this.counted.images++;
    this.counted.pairs += pairs.length;
    for (const { truth } of pairs) {
      this.counted.pairsWithTruth += Number(truth !== undefined);
      this.counted.boxes += truth?.boxes.length ?? 0;
      this.counted.masks += Number(truth?.hasMask ?? false);
    }
  }

  async #writeMaps(
    files: MapFiles,
    { id, index, scores, pairs }: ExplainedImage,
    explained: ExplainedBatch,
    measured: MeasuredPairs,
  ): Promise<void> {
    files.image(index, id);
    for (const [i, { index: p, pair, truth }] of pairs.entries()) {
      files.truth(index, pair.class, truth?.boxes ?? []);
      for (const [m, method] of this.#methods.entries()) {
        const image = { index, id, class: pair.class, score: scores[pair.class]! };
        await files.map(m, image, explained.map(m, p), measured[i]![method]?.box);
      }
    }
  }
}

function withMap(
  measures: PairMeasures | undefined,
  explained: ExplainedBatch,
  method: number,
  pair: number,
  frames: number | undefined,
): PairMeasures {
  const map = explained.smallMap(method, pair);
  const dead = isDeadMap(map);
  return { dead, ...measures, map: mapThumbnail(map, explained.smallSize(method), frames) };
}
