import { existsSync, readFileSync } from 'node:fs';
import test from 'ava';
import {
  type BoxList,
  bestIou,
  boxAt,
  boxesFromMap,
  boxIou,
  byteMap,
  ContourSweep,
  maskBox,
  type PixelBox,
  pixelBox,
  resizeBox,
} from '../../src/metrics/index.ts';

test('IoU counts inclusive pixels', (t) => {
  t.is(boxIou([0, 0, 0, 0], [0, 0, 0, 0]), 1, 'one pixel');
  t.is(boxIou([0, 0, 1, 1], [1, 1, 2, 2]), 1 / 7, 'one pixel in common of 4 + 4');
  t.is(boxIou([0, 0, 1, 1], [2, 0, 3, 1]), 0, 'neighbours');
  t.is(
    bestIou(
      [0, 0, 1, 1],
      [
        [2, 2, 3, 3],
        [0, 0, 1, 0],
      ],
    ),
    1 / 2,
  );
  t.is(bestIou([0, 0, 1, 1], []), 0);
});

test('a normalised box keeps edges that float32 put a little below a pixel', (t) => {
  t.deepEqual(pixelBox({ xmin: 0, ymin: 0, xmax: 1, ymax: 1 }, 10, 20), [0, 0, 19, 9]);
  const [third, seven] = [Math.fround(0.3), Math.fround(0.7)];
  t.deepEqual(pixelBox({ xmin: third, ymin: third, xmax: seven, ymax: seven }, 10, 10), [3, 3, 7, 7]);
});

test('the box of a mask is that of a contour around it', (t) => {
  const mask = Float32Array.of(0, 0, 0, 0, 0, 1, 1, 0, 0, 1, 0, 0);
  t.deepEqual(maskBox(mask, 3, 4), [1, 1, 3, 2]);
  t.deepEqual(maskBox(mask, 3, 4), boxesFromMap(mask, 3, 4, 0.5).largest);
  t.is(maskBox(new Float32Array(12), 3, 4), undefined);
});

test('a map becomes bytes by its own extremes; one without range, or with NaN, becomes zeros', (t) => {
  t.deepEqual([...byteMap([1, 2, 3])], [0, 127, 255]);
  t.deepEqual([...byteMap([7, 7])], [0, 0]);
  t.deepEqual([...byteMap([0, Number.NaN, 1])], [0, 0, 0]);
});

test('the largest contour is so by area within it, and holes have contours too', (t) => {
  // A ring of area 4 that encloses a pixel, and a full square of area 1 further down.
  const map = Float32Array.from(
    ['1110000', '1010000', '1110000', '0000000', '0000011', '0000011'].flatMap((row) => [...row].map(Number)),
  );
  const { largest, all } = boxesFromMap(map, 6, 7, 0.5);
  t.deepEqual(largest, [0, 0, 3, 3]);
  t.deepEqual([...all].sort(), [
    [0, 0, 3, 3],
    [0, 0, 3, 3],
    [5, 4, 6, 5],
  ]);
  // The line has more pixels; its contour encloses nothing.
  const line = Float32Array.from(['11111', '00000', '11000', '10000'].flatMap((row) => [...row].map(Number)));
  t.deepEqual(boxesFromMap(line, 4, 5, 0.5).largest, [0, 2, 2, 3]);
});

const goldens = new URL('../../../shared/data/goldens/pair_and_wsol_goldens.json', import.meta.url);
(existsSync(goldens) ? test : test.skip)('boxes, IoU and resized boxes equal those of the benchmark', (t) => {
  const { wsol_boxes: wsol } = JSON.parse(readFileSync(goldens, 'utf8'));
  for (const name of ['unimodal', 'multimodal']) {
    const rows: number[][] = wsol[name].scoremap;
    const boxes = wsol.thresholds.map(
      (threshold: number) => boxesFromMap(rows.flat(), rows.length, rows[0]!.length, threshold).largest,
    );
    t.deepEqual(boxes, wsol[name].boxes, name);
  }
  const zeros = wsol.thresholds.map((threshold: number) =>
    boxesFromMap(new Float32Array(9), 3, 3, threshold),
  );
  t.deepEqual(
    zeros.map(({ largest }: { largest: PixelBox }) => largest),
    wsol.degenerate_zero_3x3,
  );
  for (const { a, b, iou } of wsol.iou) t.true(Math.abs(boxIou(a, b) - iou) < 1e-9);
  const { box, image_size_wh, resize_wh, out } = wsol.resize_bbox;
  t.deepEqual(resizeBox(box, image_size_wh, resize_wh), out);
});

interface Fixture {
  maps: {
    height: number;
    width: number;
    bytes: string;
    truth: PixelBox[];
    levels: {
      level: number;
      largest: PixelBox | null;
      count: number;
      sum?: number[];
      all?: PixelBox[] | null;
      best: number;
    }[];
  }[];
}

test('every level of random maps has the contours that OpenCV finds', (t) => {
  const fixture: Fixture = JSON.parse(
    readFileSync(new URL('../fixtures/localization_boxes.json', import.meta.url), 'utf8'),
  );
  let compared = 0;
  for (const [m, { height, width, bytes, truth, levels }] of fixture.maps.entries()) {
    const wanted = new Map(levels.map((entry) => [entry.level, entry]));
    const visit = (level: number, boxes: BoxList, largest: number) => {
      const expected = wanted.get(level);
      if (!expected) return;
      const where = `map ${m}, level ${level}`;
      compared++;
      t.is(boxes.count, expected.count, where);
      if (!expected.largest) return;
      const all = Array.from({ length: boxes.count }, (_, i) => boxAt(boxes, i));
      t.deepEqual(all[largest], expected.largest, where);
      t.deepEqual(
        [0, 1, 2, 3].map((edge) => all.reduce((sum, box) => sum + box[edge]!, 0)),
        expected.sum,
        where,
      );
      if (expected.all) {
        const order = (a: PixelBox, b: PixelBox) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2] || a[3] - b[3];
        t.deepEqual(all.sort(order), expected.all, where);
      }
      const best = Math.max(...all.map((box) => bestIou(box, truth)));
      t.true(Math.abs(best - expected.best) < 1e-8, where);
    };
    new ContourSweep(height, width).sweep(Buffer.from(bytes, 'base64'), visit);
  }
  t.true(compared > 300);
});
