import type { Shard } from './example-reader.ts';
import { decodeExample, type LabelRule } from './image-example.ts';
import { RecordFile, recordId } from './record-file.ts';

/** What is known about an example without decoding its image. */
export interface ExampleLabels {
  id: string;
  filename: string;
  labels: number[];
  /** Classes of which it is not known whether they are in the image. */
  unknown: number[];
  /** '' where it has none. */
  group: string;
  /** In pixels, as the record states it; 0 where it does not. */
  width: number;
  height: number;
  /** Number of objects. */
  boxes: number;
  /** Number of objects with a mask. */
  masks: number;
  /** Whether there is a mask of what must not matter: 1 or 0. */
  confounders: number;
  /** Classes of which an object has a mask, each once. */
  maskedClasses: number[];
}

export interface LabelStatistics {
  examples: number;
  /** [C], images that hold the class. */
  perClass: number[];
  /** [C], images of which it is not known whether they hold the class. */
  unknown: number[];
  /** Images of each group, by its name; those without one are not among them. */
  groups: { group: string; examples: number /** [C] */; perClass: number[] }[];
  /** Entry n: images with n labels. */
  perImage: number[];
  maxPerImage: number;
  /** Images with at least one box. */
  withBoxes: number;
  /** Images with at least one mask. */
  withMasks: number;
  /** Images with a mask of what must not matter. */
  withConfounders: number;
}

/** The labels of every record of some shards, one after the other; nothing is kept. */
export async function* eachLabels(shards: readonly Shard[], rule: LabelRule): AsyncGenerator<ExampleLabels> {
  for (const { path, boundaries } of shards) {
    const file = await RecordFile.open(path, boundaries);
    try {
      let record = 0;
      for await (const bytes of file.records()) {
        const {
          labels,
          unknown = [],
          group = '',
          objects,
          confounder,
          filename,
          width = 0,
          height = 0,
        } = decodeExample(bytes, rule, `${path}, record ${record}`);
        const masked = objects.filter((object) => object.mask);
        yield {
          id: recordId(path, record),
          filename,
          labels,
          unknown,
          group,
          width,
          height,
          // A box does not say when.
          boxes: rule.clips ? 0 : objects.length,
          masks: masked.length,
          confounders: Number(confounder !== undefined),
          maskedClasses: [...new Set(masked.map((object) => object.class))],
        };
        record++;
      }
    } finally {
      file.close();
    }
  }
}

export async function readLabels(shards: readonly Shard[], rule: LabelRule): Promise<ExampleLabels[]> {
  const all: ExampleLabels[] = [];
  for await (const labels of eachLabels(shards, rule)) all.push(labels);
  return all;
}

/** What is counted of a split, and where its masks and boxes are: of a record no more than a few numbers are kept. */
export class LabelTally {
  examples = 0;
  readonly perClass: number[];
  readonly unknown: number[];
  readonly perImage: number[] = [0];
  /** Positions in the split of the examples that have some. */
  readonly having: Readonly<Record<'masks' | 'boxes' | 'confounders', number[]>> = {
    masks: [],
    boxes: [],
    confounders: [],
  };
  readonly #groups = new Map<string, { examples: number; perClass: number[] }>();
  readonly #classes: number;

  constructor(classes: number) {
    this.#classes = classes;
    this.perClass = new Array<number>(classes).fill(0);
    this.unknown = new Array<number>(classes).fill(0);
  }

  add({ labels, unknown, group, boxes, masks, confounders }: ExampleLabels): void {
    const position = this.examples++;
    for (const label of labels) this.perClass[label]!++;
    for (const label of unknown) this.unknown[label]!++;
    while (this.perImage.length <= labels.length) this.perImage.push(0);
    this.perImage[labels.length]!++;
    if (boxes > 0) this.having.boxes.push(position);
    if (masks > 0) this.having.masks.push(position);
    if (confounders > 0) this.having.confounders.push(position);
    if (group === '') return;
    const members = this.#group(group);
    members.examples++;
    for (const label of labels) members.perClass[label]!++;
  }

  /** The counts of several splits together. */
  static sum(tallies: readonly LabelTally[], classes: number): LabelStatistics {
    const all = new LabelTally(classes);
    for (const tally of tallies) {
      all.examples += tally.examples;
      addTo(all.perClass, tally.perClass);
      addTo(all.unknown, tally.unknown);
      addTo(all.perImage, tally.perImage);
      for (const [group, { examples, perClass }] of tally.#groups) {
        const members = all.#group(group);
        members.examples += examples;
        addTo(members.perClass, perClass);
      }
    }
    const { examples, perClass, unknown, perImage } = all;
    const count = (what: keyof LabelTally['having']) =>
      tallies.reduce((sum, { having }) => sum + having[what].length, 0);
    const groups = [...all.#groups].sort(([a], [b]) => (a < b ? -1 : 1));
    return {
      examples,
      perClass,
      unknown,
      groups: groups.map(([group, members]) => ({ group, ...members })),
      perImage,
      maxPerImage: perImage.length - 1,
      withBoxes: count('boxes'),
      withMasks: count('masks'),
      withConfounders: count('confounders'),
    };
  }

  #group(name: string): { examples: number; perClass: number[] } {
    let members = this.#groups.get(name);
    if (!members) {
      members = { examples: 0, perClass: new Array<number>(this.#classes).fill(0) };
      this.#groups.set(name, members);
    }
    return members;
  }
}

function addTo(sums: number[], values: readonly number[]): void {
  for (const [i, value] of values.entries()) sums[i] = (sums[i] ?? 0) + value;
}
