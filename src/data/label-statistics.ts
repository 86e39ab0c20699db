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

export async function readLabels(shards: readonly Shard[], rule: LabelRule): Promise<ExampleLabels[]> {
  const all: ExampleLabels[] = [];
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
        all.push({
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
        });
        record++;
      }
    } finally {
      file.close();
    }
  }
  return all;
}

export function summarise(examples: readonly ExampleLabels[], classes: number): LabelStatistics {
  const perClass = countsOf(examples, classes, 'labels');
  const groups = [...new Set(examples.flatMap(({ group }) => group || []))].sort();
  const maxPerImage = examples.reduce((most, { labels }) => Math.max(most, labels.length), 0);
  const perImage = new Array<number>(maxPerImage + 1).fill(0);
  for (const { labels } of examples) perImage[labels.length]!++;
  return {
    examples: examples.length,
    perClass,
    unknown: countsOf(examples, classes, 'unknown'),
    groups: groups.map((group) => {
      const members = examples.filter((example) => example.group === group);
      return { group, examples: members.length, perClass: countsOf(members, classes, 'labels') };
    }),
    perImage,
    maxPerImage,
    withBoxes: examples.filter(({ boxes }) => boxes > 0).length,
    withMasks: examples.filter(({ masks }) => masks > 0).length,
    withConfounders: examples.filter(({ confounders }) => confounders > 0).length,
  };
}

function countsOf(examples: readonly ExampleLabels[], classes: number, of: 'labels' | 'unknown'): number[] {
  const counts = new Array<number>(classes).fill(0);
  for (const example of examples) for (const label of example[of]) counts[label]!++;
  return counts;
}
