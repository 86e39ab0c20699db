import test from 'ava';
import { fixedPlacement, placeBox, randomPlacement } from '../../src/data/augmentation.ts';
import { randomFor } from '../../src/random/index.ts';

const image = { width: 200, height: 100 };

test('squash takes the whole image, crop the largest centred window of the target shape', (t) => {
  const target = { width: 64, height: 64 };
  t.deepEqual(fixedPlacement(image, target, 'squash').window, { left: 0, top: 0, width: 200, height: 100 });
  t.deepEqual(fixedPlacement(image, target, 'crop').window, { left: 50, top: 0, width: 100, height: 100 });
  t.deepEqual(fixedPlacement(image, { width: 40, height: 10 }, 'crop').window, {
    left: 0,
    top: 25,
    width: 200,
    height: 50,
  });
});

test('random windows lie in the image, with area and ratio in their ranges; half are mirrored', (t) => {
  const random = randomFor(3);
  const augment = { flip: true, crop: { scale: [0.3, 0.6], ratio: [0.5, 2] } } as const;
  const areas: number[] = [];
  let mirrored = 0;
  for (let i = 0; i < 2000; i++) {
    const { window, flip } = randomPlacement(image, { width: 64, height: 64 }, 'squash', augment, random);
    mirrored += Number(flip);
    t.true(
      window.left >= 0 &&
        window.left + window.width <= 200 &&
        window.top >= 0 &&
        window.top + window.height <= 100,
    );
    const area = (window.width * window.height) / 20000;
    const ratio = window.width / window.height;
    t.true(area > 0.29 && area < 0.61 && ratio > 0.48 && ratio < 2.1, `area ${area}, ratio ${ratio}`);
    areas.push(area);
  }
  t.true(Math.min(...areas) < 0.31 && Math.max(...areas) > 0.59);
  t.true(Math.abs(mirrored - 1000) < 120);
});

test('a crop that cannot be had becomes the largest centred window of the nearest ratio', (t) => {
  const augment = { crop: { scale: [1, 1], ratio: [1, 1] } } as const;
  const { window } = randomPlacement(image, { width: 64, height: 64 }, 'squash', augment, randomFor(1));
  t.deepEqual(window, { left: 50, top: 0, width: 100, height: 100 });
});

test('boxes move with the image, are clipped, mirrored, and dropped outside', (t) => {
  const window = { left: 100, top: 0, width: 100, height: 50 };
  const box = { class: 4, xmin: 0.45, ymin: 0.25, xmax: 0.6, ymax: 0.75 };
  t.deepEqual(placeBox(box, image, { window, flip: false }), {
    class: 4,
    xmin: 0,
    ymin: 0.5,
    xmax: 0.2,
    ymax: 1,
  });
  t.deepEqual(placeBox(box, image, { window, flip: true }), {
    class: 4,
    xmin: 0.8,
    ymin: 0.5,
    xmax: 1,
    ymax: 1,
  });
  t.is(placeBox({ ...box, xmin: 0.1, xmax: 0.5 }, image, { window, flip: false }), undefined);
});
