import test from 'ava';
import sharp from 'sharp';
import { UsageError } from '../../src/errors/index.ts';
import {
  colorMap,
  colorOf,
  drawBoxes,
  grayscale,
  heatmapRgba,
  overlayMap,
  png,
  resizeMap,
  rgba,
  rgbImage,
} from '../../src/pictures/index.ts';
import { filledImage } from '../../src/pictures/pixels.ts';

test('floats become bytes: clipped, rounded', (t) => {
  t.deepEqual([...rgbImage(Float32Array.of(0, 0.2, 1, -3, 7, 0.999), 1, 2).data], [0, 51, 255, 0, 255, 255]);
  t.throws(() => rgbImage(new Float32Array(5), 1, 2), {
    instanceOf: UsageError,
    message: '5 values are no RGB image of 2x1 pixels',
  });
});

test('grey has the brightness of the colour', (t) => {
  const image = { data: Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 9, 9, 9), width: 2, height: 2 };
  t.deepEqual([...grayscale(image).data], [54, 54, 54, 182, 182, 182, 18, 18, 18, 9, 9, 9]);
});

test('colour maps: their ends, a control point, the way between two, values outside', (t) => {
  t.deepEqual(colorOf(0, 'inferno'), [0, 0, 4]);
  t.deepEqual(colorOf(1, 'inferno'), [252, 255, 164]);
  t.deepEqual(colorOf(0, 'viridis'), [68, 1, 84]);
  t.deepEqual(colorOf(1, 'viridis'), [253, 231, 37]);
  t.deepEqual(colorOf(1, 'cividis'), [254, 232, 56]);
  t.deepEqual(colorOf(0, 'jet'), [0, 0, 128]);
  t.deepEqual(colorOf(17 / 255, 'inferno'), [12, 8, 38]);
  // 6/17 of the way from 000004 to 0c0826: 4.2, 2.8, 16
  t.deepEqual(colorOf(6 / 255, 'inferno'), [4, 3, 16]);
  t.deepEqual(colorOf(0.2, 'gray'), [51, 51, 51]);
  t.deepEqual(
    [colorOf(-1, 'viridis'), colorOf(Number.NaN, 'viridis')],
    [colorOf(0, 'viridis'), colorOf(0, 'viridis')],
  );
  t.deepEqual(colorOf(Number.POSITIVE_INFINITY, 'viridis'), colorOf(1, 'viridis'));
});

test('colour maps grow in brightness from 0 to 1', (t) => {
  for (const name of ['inferno', 'viridis', 'gray'] as const) {
    const luminance = Array.from({ length: 256 }, (_, i) => {
      const linear = colorOf(i / 255, name).map((v) => (v / 255) ** 2.2);
      return 0.2126 * linear[0]! + 0.7152 * linear[1]! + 0.0722 * linear[2]!;
    });
    const falls = luminance.filter((value, i) => i > 0 && value < luminance[i - 1]! - 2e-3);
    t.deepEqual(falls, [], name);
  }
});

test('a map in colours', (t) => {
  const image = colorMap({ data: Float32Array.of(0, 1), width: 2, height: 1 }, 'viridis');
  t.deepEqual([...image.data], [68, 1, 84, 253, 231, 37]);
  t.deepEqual([image.width, image.height], [2, 1]);
});

test('resizing is bilinear with half-pixel centres', (t) => {
  const row = { data: Float32Array.of(0, 1), width: 2, height: 1 };
  t.deepEqual([...resizeMap(row, 1, 4).data], [0, 0.25, 0.75, 1]);
  t.deepEqual(
    [...resizeMap({ data: Float32Array.of(0, 1, 2, 3), width: 4, height: 1 }, 1, 2).data],
    [0.5, 2.5],
  );
  // rows 0 and 4 of the corners, and the half between them
  const corners = { data: Float32Array.of(0, 2, 4, 6), width: 2, height: 2 };
  t.deepEqual([...resizeMap(corners, 3, 3).data], [0, 1, 2, 2, 3, 4, 4, 5, 6]);
  t.is(resizeMap(corners, 2, 2), corners);
  t.throws(() => resizeMap({ ...corners, width: 3 }, 3, 3), {
    instanceOf: UsageError,
    message: '4 values are no map of 3x2 pixels',
  });
});

test('an overlay mixes the image with the colours of the resized map', (t) => {
  const image = { data: Uint8Array.of(100, 100, 100, 200, 200, 200), width: 2, height: 1 };
  const map = { data: Float32Array.of(0, 1), width: 2, height: 1 };
  // .75 · 100 + .25 · 0 = 75 and .75 · 200 + .25 · 255 = 213.75
  t.deepEqual([...overlayMap(image, map, { alpha: 0.25, colors: 'gray' }).data], [75, 75, 75, 214, 214, 214]);
  // a map of one pixel, 1, is (252, 255, 164) everywhere
  const flat = overlayMap(image, { data: Float32Array.of(1), width: 1, height: 1 });
  t.deepEqual([...flat.data], [176, 178, 132, 226, 228, 182]);
  t.deepEqual([...image.data], [100, 100, 100, 200, 200, 200]);
});

/** Rows of an image as text: `#` where it is red. */
function drawing(image: { data: Uint8Array; width: number; height: number }): string[] {
  return Array.from({ length: image.height }, (_, y) =>
    Array.from({ length: image.width }, (_, x) =>
      image.data[(y * image.width + x) * 3] === 255 ? '#' : '.',
    ).join(''),
  );
}

test('boxes are frames on a copy, drawn inwards', (t) => {
  const image = filledImage(6, 5, [0, 0, 0]);
  const color = [255, 0, 0] as const;
  const box = { xmin: 1 / 6, ymin: 0.2, xmax: 5 / 6, ymax: 1 };
  t.deepEqual(drawing(drawBoxes(image, [box], { color })), [
    '......',
    '.####.',
    '.#..#.',
    '.#..#.',
    '.####.',
  ]);
  t.deepEqual(drawing(drawBoxes(image, [box], { color, thickness: 9 })), [
    '......',
    '.####.',
    '.####.',
    '.####.',
    '.####.',
  ]);
  t.deepEqual(drawing(image), Array(5).fill('......'));
});

test('boxes: thick frames, empty boxes, boxes that stick out, boxes that are none', (t) => {
  const image = filledImage(6, 6, [0, 0, 0]);
  const color = [255, 0, 0] as const;
  const whole = { xmin: 0, ymin: 0, xmax: 1, ymax: 1 };
  t.deepEqual(drawing(drawBoxes(image, [whole], { color, thickness: 2 })), [
    '######',
    '######',
    '##..##',
    '##..##',
    '######',
    '######',
  ]);
  const point = { xmin: 0.5, ymin: 0.5, xmax: 0.5, ymax: 0.5 };
  t.deepEqual(drawing(drawBoxes(image, [point], { color }))[3], '...#..');
  const outside = { xmin: -0.5, ymin: 0.5, xmax: 0.5, ymax: 1.5 };
  t.deepEqual(drawing(drawBoxes(image, [outside], { color })), [
    '......',
    '......',
    '......',
    '###...',
    '..#...',
    '..#...',
  ]);
  t.throws(() => drawBoxes(image, [{ ...whole, xmin: 2 }]), {
    instanceOf: UsageError,
    message: 'a box must not end before it begins, received x 2..1, y 0..1',
  });
});

test('RGBA for a canvas: opaque images, and heatmaps that are seen through where they are low', async (t) => {
  const image = { data: Uint8Array.of(1, 2, 3, 4, 5, 6), width: 2, height: 1 };
  const opaque = rgba(image);
  t.deepEqual([...opaque.data], [1, 2, 3, 255, 4, 5, 6, 255]);
  t.true(opaque.data instanceof Uint8ClampedArray, 'as ImageData wants it');
  const map = { data: Float32Array.of(0, 0.5, 1, Number.NaN), width: 2, height: 2 };
  const heat = heatmapRgba(map, { alpha: 0.8, colors: 'gray' });
  t.deepEqual([...heat.data], [0, 0, 0, 0, 128, 128, 128, 102, 255, 255, 255, 204, 0, 0, 0, 0]);
  for (const [picture, channels] of [
    [image, 3],
    [heat, 4],
  ] as const) {
    const { data, info } = await sharp(await png(picture))
      .raw()
      .toBuffer({ resolveWithObject: true });
    t.is(info.channels, channels);
    t.deepEqual([...data], [...picture.data]);
  }
});
