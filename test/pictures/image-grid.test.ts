import test from 'ava';
import sharp from 'sharp';
import { UsageError } from '../../src/errors/index.ts';
import { attentionGrid, beforeAfterGrid, imageGrid } from '../../src/pictures/index.ts';
import { filledImage } from '../../src/pictures/pixels.ts';
import { fitText, textElement, textWidth } from '../../src/pictures/text.ts';

/** A decoded PNG with its pixels. */
async function decode(png: Buffer) {
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  const pixel = (x: number, y: number) => [
    ...data.subarray((y * info.width + x) * 3, (y * info.width + x) * 3 + 3),
  ];
  /** Whether any pixel of a rectangle is not of the colour. */
  const hasOther = (color: number[], left: number, top: number, width: number, height: number) => {
    for (let y = top; y < top + height; y++) {
      for (let x = left; x < left + width; x++) if (pixel(x, y).some((v, i) => v !== color[i])) return true;
    }
    return false;
  };
  return { width: info.width, height: info.height, channels: info.channels, pixel, hasOther };
}

const PAPER = [250, 250, 248];

test('tiles stand in rows and columns, enlarged without smoothing, on a light ground', async (t) => {
  const image = { data: Uint8Array.of(10, 20, 30, 200, 210, 220), width: 2, height: 1 };
  const grid = await decode(await imageGrid([[{ image }, { image: null }], [{ image }]], { tileSize: 40 }));
  // margins of 20, two tiles of 40 and a gap of 8; the first line is as high as its empty tile, the second 20
  t.deepEqual([grid.width, grid.height, grid.channels], [20 + 40 + 8 + 40 + 20, 20 + 40 + 8 + 20 + 20, 3]);
  t.deepEqual([grid.pixel(0, 0), grid.pixel(60, 40)], [PAPER, PAPER]);
  const [left, right] = [
    [10, 20, 30],
    [200, 210, 220],
  ] as const;
  t.deepEqual(
    [grid.pixel(20, 30), grid.pixel(39, 49), grid.pixel(40, 30), grid.pixel(59, 49)],
    [left, left, right, right],
  );
  t.deepEqual([grid.pixel(20, 29), grid.pixel(20, 50)], [PAPER, PAPER]); // in the middle of the line
  t.deepEqual(
    [grid.pixel(68, 20), grid.pixel(107, 59)],
    [
      [236, 236, 232],
      [236, 236, 232],
    ],
  );
  t.deepEqual([grid.pixel(20, 68), grid.pixel(59, 87)], [left, right]);
});

test('title, header and captions take their room, and are drawn in it', async (t) => {
  const image = filledImage(30, 30, [0, 0, 0]);
  const tile = { image, caption: 'boat', note: '0.91' };
  const grid = await decode(await imageGrid([[tile]], { tileSize: 100, title: 'Step 4', header: ['image'] }));
  t.deepEqual([grid.width, grid.height], [140, 20 + 32 + 22 + 100 + 26 + 20 - 8]);
  t.deepEqual(grid.pixel(20, 74), [0, 0, 0]);
  t.true(grid.hasOther(PAPER, 20, 20, 60, 22)); // title
  t.true(grid.hasOther(PAPER, 50, 54, 40, 16)); // header, in the middle
  t.true(grid.hasOther(PAPER, 20, 176, 30, 18)); // caption, at the left
  t.true(grid.hasOther(PAPER, 90, 176, 30, 18)); // note, at the right
  t.false(grid.hasOther(PAPER, 60, 175, 20, 20)); // nothing between them
  t.false(grid.hasOther(PAPER, 0, 0, 20, grid.height));
  t.false(grid.hasOther(PAPER, 120, 0, 20, grid.height));
});

test('rows stand side by side when asked', async (t) => {
  const image = filledImage(10, 10, [9, 9, 9]);
  const grid = await decode(
    await imageGrid([[{ image }], [{ image }], [{ image }]], { tileSize: 10, across: 2 }),
  );
  t.deepEqual([grid.width, grid.height], [20 + 10 + 32 + 10 + 20, 20 + 10 + 8 + 10 + 20]);
  t.deepEqual([grid.pixel(62, 20), grid.pixel(20, 38), grid.pixel(62, 38)], [[9, 9, 9], [9, 9, 9], PAPER]);
});

test('a ring marks a point', async (t) => {
  const image = filledImage(40, 40, [90, 90, 90]);
  const grid = await decode(await imageGrid([[{ image, mark: { x: 0.5125, y: 0.5125 } }]], { tileSize: 40 }));
  // the centre is (20.5, 20.5) in the tile, the ring has a radius of 5 and its middle line is white
  t.deepEqual(
    [grid.pixel(40, 40), grid.pixel(35, 40), grid.pixel(40, 45)],
    [
      [90, 90, 90],
      [255, 255, 255],
      [255, 255, 255],
    ],
  );
  t.deepEqual(grid.pixel(30, 30), [90, 90, 90]);
});

test('a grid without tiles is refused', async (t) => {
  const message = 'an image grid needs at least one tile';
  await t.throwsAsync(imageGrid([]), { instanceOf: UsageError, message });
  await t.throwsAsync(imageGrid([[]]), { instanceOf: UsageError, message });
  await t.throwsAsync(attentionGrid([]), { instanceOf: UsageError, message });
});

test('the width of a text is the sum of its glyphs and their spacing', (t) => {
  // I is 0, l 2.4, W 14.6 wide; each has 1.9 on both sides; the design size is 20
  t.true(Math.abs(textWidth('IlW', 10) - (0 + 2.4 + 14.6 + 3 * 3.8) / 2) < 1e-9);
  t.is(fitText('boat', 12, 1000), 'boat');
  const fitted = fitText('hot air balloon', 12, 60);
  t.regex(fitted, /^hot a.*…$/);
  t.true(textWidth(fitted, 12) <= 60);
});

test('text is drawn inside of its width, from whichever end it is anchored at', async (t) => {
  const width = textWidth('Mgj|', 20);
  for (const [anchor, left] of [
    ['start', 100],
    ['middle', 100 - width / 2],
    ['end', 100 - width],
  ] as const) {
    const text = textElement('Mgj|', 100, 30, { size: 20, color: '#000', anchor });
    const svg = `<svg xmlns="http://www.w3.org/2000/svg" width="200" height="50">${text}</svg>`;
    const { pixel } = await decode(
      await sharp(Buffer.from(svg)).flatten({ background: '#fff' }).png().toBuffer(),
    );
    const inked = Array.from({ length: 200 }, (_, x) => x).filter((x) =>
      Array.from({ length: 50 }, (_, y) => y).some((y) => pixel(x, y)[0]! < 128),
    );
    t.true(inked[0]! >= left && inked[0]! <= left + 3, anchor);
    t.true(inked.at(-1)! <= left + width && inked.at(-1)! >= left + width - 3, anchor);
  }
});

const pair = {
  image: new Float32Array(4 * 4 * 3).fill(1),
  height: 4,
  width: 4,
  map: { data: Float32Array.of(0, 0, 0, 1), width: 2, height: 2 },
  className: 'boat',
  scoreBefore: 0.914,
  scoreAfter: 0.1,
};

test('an attention grid shows image, map, soft mask, masked image and true mask', async (t) => {
  const full = {
    ...pair,
    softMask: new Float32Array(16).fill(0.2),
    masked: new Float32Array(48).fill(0.6),
    truth: new Float32Array(16).fill(1),
  };
  const grid = await decode(await attentionGrid([full, pair], { tileSize: 16 }));
  t.deepEqual([grid.width, grid.height], [40 + 5 * 16 + 4 * 8, 20 + 22 + 2 * (16 + 26) + 20 - 8]);
  const inTile = (column: number, line: number) => grid.pixel(20 + column * 24 + 15, 42 + line * 42 + 15);
  t.deepEqual(inTile(0, 0), [255, 255, 255]);
  t.deepEqual(inTile(1, 0), [254, 255, 210]); // half white, half the brightest colour 252, 255, 164
  t.deepEqual(grid.pixel(44, 42), [128, 128, 130]); // half white, half the darkest colour 0, 0, 4
  t.deepEqual(inTile(2, 0), [51, 51, 51]);
  t.deepEqual(inTile(3, 0), [153, 153, 153]);
  t.deepEqual(inTile(4, 0), [255, 255, 255]);
  t.deepEqual(
    [inTile(1, 1), inTile(2, 1), inTile(4, 1)],
    [
      [254, 255, 210],
      [236, 236, 232],
      [236, 236, 232],
    ],
  );
});

test('an attention grid leaves out what no item has, warns of dead maps, and refuses wrong sizes', async (t) => {
  const plain = await decode(await attentionGrid([pair], { tileSize: 64 }));
  t.is(plain.width, 40 + 2 * 64 + 8);
  t.false(plain.hasOther(PAPER, 92, 108, 64, 22));
  const dead = await decode(await attentionGrid([{ ...pair, dead: true }], { tileSize: 64 }));
  t.true(dead.hasOther(PAPER, 92, 108, 64, 22));
  await t.throwsAsync(attentionGrid([{ ...pair, softMask: new Float32Array(3) }]), {
    instanceOf: UsageError,
    message: '3 values are no map of 4x4 pixels',
  });
  await t.throwsAsync(attentionGrid([{ ...pair, masked: new Float32Array(3) }]), { instanceOf: UsageError });
});

test('a comparison shows the maps before and after, with a ring where each is highest', async (t) => {
  const { image, height, width, className, map } = pair;
  const before = { map, energy: 0.2, pointing: false };
  const after = { map: { ...map, data: Float32Array.of(1, 0, 0, 0) }, energy: 0.8, pointing: true };
  const item = { image, height, width, className, before, after };
  const grid = await decode(
    await beforeAfterGrid([{ ...item, truth: new Float32Array(16) }], { tileSize: 64 }),
  );
  t.is(grid.width, 40 + 4 * 64 + 3 * 8);
  // the highest cells are centred at (48, 48) and (16, 16) of 64; a ring's black rim is 6 to 6.8 from its centre
  const rim = (left: number, x: number, y: number) => grid.pixel(left + x - 7, 42 + y)[0]!;
  t.true(rim(92, 48, 48) < 90);
  t.true(rim(164, 16, 16) < 90);
  t.true(rim(164, 48, 48) > 100);

  const nowhere = { map: { ...map, data: new Float32Array(4) } };
  const dead = await decode(
    await beforeAfterGrid([{ ...item, before: nowhere, after: nowhere }], { tileSize: 64 }),
  );
  t.is(dead.width, 40 + 3 * 64 + 2 * 8);
  t.false(dead.hasOther([128, 128, 130], 92, 42, 64, 64));
});
