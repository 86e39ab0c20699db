import type { Shard } from './example-reader.ts';
import { decodeExample, type LabelRule } from './image-example.ts';
import { RecordFile, recordId } from './record-file.ts';

/** What is known about an example without decoding its image. */
export interface ExampleLabels {
  id: string;
  filename: string;
  labels: number[];
  /** Number of objects. */
  boxes: number;
  /** Number of objects with a mask. */
  masks: number;
}

export interface LabelStatistics {
  examples: number;
  /** [C], images that hold the class. */
  perClass: number[];
  /** Entry n: images with n labels. */
  perImage: number[];
  maxPerImage: number;
  /** Images with at least one box. */
  withBoxes: number;
  /** Images with at least one mask. */
  withMasks: number;
}

export async function readLabels(shards: readonly Shard[], rule: LabelRule): Promise<ExampleLabels[]> {
  const all: ExampleLabels[] = [];
  for (const { path, boundaries } of shards) {
    const file = await RecordFile.open(path, boundaries);
    try {
      let record = 0;
      for await (const bytes of file.records()) {
        const { labels, objects, filename } = decodeExample(bytes, rule, `${path}, record ${record}`);
        const masks = objects.filter((object) => object.mask).length;
        all.push({ id: recordId(path, record), filename, labels, boxes: objects.length, masks });
        record++;
      }
    } finally {
      file.close();
    }
  }
  return all;
}

export function summarise(examples: readonly ExampleLabels[], classes: number): LabelStatistics {
  const perClass = new Array<number>(classes).fill(0);
  const maxPerImage = examples.reduce((most, { labels }) => Math.max(most, labels.length), 0);
  const perImage = new Array<number>(maxPerImage + 1).fill(0);
  for (const { labels } of examples) {
    perImage[labels.length]!++;
    for (const label of labels) perClass[label]!++;
  }
  return {
    examples: examples.length,
    perClass,
    perImage,
    maxPerImage,
    withBoxes: examples.filter(({ boxes }) => boxes > 0).length,
    withMasks: examples.filter(({ masks }) => masks > 0).length,
  };
}
