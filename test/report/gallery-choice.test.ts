import test from 'ava';
import type { ImageRecord } from '../../src/evaluation/index.ts';
import { chooseGallery } from '../../src/report/gallery-choice.ts';

/** Records of one pair each; no IoU where there is no truth. */
function records(pairs: readonly { class: number; iou?: number }[]): ImageRecord[] {
  const map = { height: 1, width: 1, data: '' };
  return pairs.map((pair, index) => ({
    id: String(index),
    index,
    labels: [pair.class],
    scores: [],
    pairs: [
      {
        class: pair.class,
        rank: 1,
        trueBoxes: [],
        methods: { cam: { dead: false, map, ...(pair.iou !== undefined && { iou: pair.iou }) } },
      },
    ],
  }));
}

async function chosen(all: readonly ImageRecord[], count: number): Promise<Record<string, number[]>> {
  const groups = await chooseGallery(() => walk(all), 'cam', count);
  return Object.fromEntries(
    groups.map(({ title, pairs }) => [title, pairs.map(({ record }) => record.index)]),
  );
}

async function* walk(all: readonly ImageRecord[]): AsyncGenerator<ImageRecord> {
  yield* all;
}

test('a third is spread evenly; then the best hits and the worst misses, classes in turn, nothing twice', async (t) => {
  const all = records([
    { class: 0, iou: 0.9 },
    { class: 0, iou: 0.95 },
    { class: 0, iou: 0.8 },
    { class: 1, iou: 0.6 },
    { class: 0, iou: 0.1 },
    { class: 0, iou: 0 },
    { class: 1, iou: 0.4 },
    { class: 1, iou: 0.5 },
    { class: 0, iou: 0.7 },
  ]);
  // Evenly: places 1, 4, 7. Hits left: 0 (.9), 2 (.8), 8 (.7) of class 0, 3 (.6) of class 1. Misses left: 5, 6.
  t.deepEqual(await chosen(all, 7), { 'Evenly from the split': [1, 4, 7], Best: [0, 3], Worst: [5, 6] });
});

test('an IoU of a half is a hit', async (t) => {
  const all = records([0.5, 0.2, 0.49, 0.3].map((iou) => ({ class: 0, iou })));
  // Evenly: places 1 and 3 of 4.
  t.deepEqual(await chosen(all, 4), { 'Evenly from the split': [1, 3], Best: [0], Worst: [2] });
});

test('without truth everything is spread evenly', async (t) => {
  const all = records(Array.from({ length: 10 }, () => ({ class: 0 })));
  t.deepEqual(await chosen(all, 5), { 'Evenly from the split': [1, 3, 5, 7, 9] });
});
