import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  addPixels,
  BoxAccuracyCurve,
  bestConstantBox,
  byteMap,
  ContourSweep,
  centreMap,
  cueCounts,
  iouByLevel,
  levelCount,
  locDelta,
  pixelAveragePrecision,
  pixelHistogram,
  pointsAt,
  precisionRecall,
  thresholdOf,
} from '../../src/metrics/index.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/localization_measures.json', import.meta.url), 'utf8'),
);

test('PxAP pools the pixels of all images, as scikit-learn counts', (t) => {
  const { maps, masks, pxAp } = fixture.pixels;
  const histogram = pixelHistogram();
  for (const [i, map] of maps.entries()) addPixels(histogram, map, masks[i]);
  t.true(Math.abs(pixelAveragePrecision(histogram) - pxAp) < 1e-8);
});

test('PxAP of a perfect map is 1, of a constant map the share of the object; ignored pixels count nowhere', (t) => {
  const mask = [1, 1, 0, 0, 0, -1, 0, 0, 0, -1];
  const perfect = pixelHistogram();
  addPixels(
    perfect,
    mask.map((value) => Math.max(0, value)),
    mask,
  );
  t.is(pixelAveragePrecision(perfect), 1);
  for (const value of [0, 0.3, 1]) {
    const constant = pixelHistogram();
    addPixels(constant, new Float32Array(10).fill(value), mask);
    t.is(pixelAveragePrecision(constant), 2 / 8);
  }
  t.is(pixelAveragePrecision(pixelHistogram()), Number.NaN);
});

test('the precision-recall curve ends with all pixels', (t) => {
  const histogram = pixelHistogram(10);
  addPixels(histogram, [0.95, 0.5, 0.5, 0.05], [1, 1, 0, 0]);
  const { thresholds, precision, recall } = precisionRecall(histogram);
  t.deepEqual([precision[0], recall[0], thresholds[0]], [1, 1 / 2, 0.9]);
  const half = thresholds.indexOf(0.5);
  t.deepEqual([precision[half], recall[half]], [2 / 3, 1]);
  t.deepEqual([precision.at(-1), recall.at(-1)], [1 / 2, 1]);
});

test('MaxBoxAcc takes one threshold for all maps, MaxBoxAccV2 one for each IoU', (t) => {
  const curve = new BoxAccuracyCurve([0.3, 0.5, 0.7]);
  const byLevel = (value: (level: number) => number) => {
    const values = Float32Array.from({ length: levelCount }, (_, level) => value(level));
    return { largest: values, any: values };
  };
  // Right below level 100 with IoU .6, and right from level 90 on with IoU .9: together in 90 … 99.
  curve.add(byLevel((level) => (level < 100 ? 0.6 : 0)));
  curve.add(byLevel((level) => (level >= 90 ? 0.9 : 0.3)));
  t.deepEqual(curve.best, { value: 1, level: 94 });
  t.is(curve.boxAcc[0], 1 / 2);
  const { value, levels } = curve.bestV2;
  t.true(Math.abs(value - (1 + 1 + 1 / 2) / 3) < 1e-12, 'of IoU .7 only one is right');
  t.is(levels[0], 49, 'an IoU of .3 counts at .3, so that all levels below 100 are equal');
  t.true(Math.trunc(thresholdOf(94) * 255) === 94);
});

test('a map without contours has the box of the first pixel', (t) => {
  const byLevel = { largest: new Float32Array(levelCount), any: new Float32Array(levelCount) };
  const box = iouByLevel(new ContourSweep(4, 4), byteMap(new Float32Array(16)), [[0, 0, 1, 0]], byLevel, 10);
  t.deepEqual(box, [0, 0, 0, 0]);
  t.is(byLevel.largest[10], 0.5);
  t.is(byLevel.any[254], 0.5);
});

test('the box at a level, its IoU, and the best of all contours', (t) => {
  const map = new Float32Array(8 * 8);
  for (const [y, x] of [
    [1, 1],
    [1, 2],
    [2, 1],
    [2, 2],
    [6, 6],
  ] as const)
    map[y * 8 + x] = 1;
  const byLevel = { largest: new Float32Array(levelCount), any: new Float32Array(levelCount) };
  const box = iouByLevel(new ContourSweep(8, 8), byteMap(map), [[6, 6, 7, 7]], byLevel, 128);
  t.deepEqual(box, [1, 1, 3, 3]);
  t.is(byLevel.largest[128], 0);
  t.is(byLevel.any[128], 1);
});

test('pointing with a margin hits within it and not at its end', (t) => {
  const map = Float32Array.of(0, 0, 0, 0, 0, 1, 0, 0, 0);
  const region = Float32Array.of(1, 0, 0, 1, 0, 0, 1, 0, 0);
  t.false(pointsAt(map, region, 3, 0));
  t.false(pointsAt(map, region, 3, 2), 'two pixels away');
  t.true(pointsAt(map, region, 3, 2.1));
  t.true(pointsAt(map, map, 3, 0));
  t.false(pointsAt(new Float32Array(9), region, 3, 15), 'a dead map points nowhere');
});

test('Loc(δ) divides what is inside by the box and what is outside', (t) => {
  const map = [0.9, 0.6, 0.4, 0.4, 0, 0];
  const region = [1, 1, 1, 0, 0, 0];
  t.is(locDelta(map, region, 0), 3 / 4);
  t.is(locDelta(map, region, 0.5), 2 / 3);
});

test('cues: the higher map wins, below a fifth is background', (t) => {
  const maps = [
    { class: 0, values: [1, 0.3, 0.1, 0.2] },
    { class: 2, values: [0.5, 0.4, 0, 1] },
  ];
  const masks = [
    { class: 0, values: [1, 1, 0, 0] },
    { class: 2, values: [0, 0, 0, 1] },
  ];
  const counts = cueCounts(maps, masks, 3);
  const byClass = Object.fromEntries(counts.map(({ class: index, ...rest }) => [index, rest]));
  t.deepEqual(byClass, {
    0: { intersection: 1, union: 2 },
    2: { intersection: 1, union: 2 },
    3: { intersection: 1, union: 1 },
  });
});

test('the centre map peaks in the middle and falls the same on all sides', (t) => {
  const map = centreMap(5, 7);
  t.is(map.indexOf(Math.max(...map)), 2 * 7 + 3);
  t.is(map[0], map[4 * 7 + 6]);
  t.is(map[7], map[3 * 7]);
});

test('the best constant box is found, though no true box is it', (t) => {
  // Boxes around [20, 20, 59, 59], each shifted so that only the middle one has IoU ≥ .5 with all.
  const truth = [
    [8, 20, 47, 59],
    [32, 20, 71, 59],
    [20, 8, 59, 47],
    [20, 32, 59, 71],
  ].map(([a, b, c, d]) => [[a!, b!, c!, d!] as const]);
  t.deepEqual(bestConstantBox(truth, 80, 80), [20, 20, 59, 59]);
  t.is(bestConstantBox([], 80, 80), undefined);
});
