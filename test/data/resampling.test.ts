import { readFileSync } from 'node:fs';
import test from 'ava';
import { jitterColors } from '../../src/data/augmentation.ts';
import { resample, type Window } from '../../src/data/resampling.ts';
import { randomFor } from '../../src/random/index.ts';

/** Made by Pillow (test/reference/data_resampling.py). */
const reference = JSON.parse(
  readFileSync(new URL('../fixtures/data_resampling.json', import.meta.url), 'utf8'),
);
const image = { data: Uint8Array.from(reference.image), width: 14, height: 11 };

interface Case {
  window: Window;
  target: { width: number; height: number };
  flip: boolean;
  pixels: number[];
}

for (const { window, target, flip, pixels } of reference.cases as Case[]) {
  const { left, top, width, height } = window;
  const title = `${width}x${height} at ${left},${top} to ${target.width}x${target.height}${flip ? ', mirrored' : ''}`;
  test(`equals Pillow: ${title}`, (t) => {
    const data = new Float32Array(pixels.length + 5).fill(-1);
    resample(image, 3, window, { data, offset: 5, ...target }, 1, flip);
    t.deepEqual([...data.subarray(0, 5)], [-1, -1, -1, -1, -1]);
    const worst = Math.max(...pixels.map((expected, i) => Math.abs(expected - data[i + 5]!)));
    t.true(worst < 1e-3, `differs by ${worst} of 255`);
  });
}

test('one channel is resampled as each of three', (t) => {
  const { window, target, pixels } = (reference.cases as Case[])[3]!;
  const green = { ...image, data: image.data.filter((_, i) => i % 3 === 1) };
  const data = new Float32Array(target.width * target.height);
  resample(green, 1, window, { data, offset: 0, ...target }, 0.5, false);
  const worst = Math.max(
    ...pixels.flatMap((expected, i) => (i % 3 === 1 ? Math.abs(expected / 2 - data[(i - 1) / 3]!) : [])),
  );
  t.true(worst < 1e-3);
});

/** Draws these numbers, whatever is asked for. */
function fixed(...values: number[]) {
  return { ...randomFor(0), uniform: () => values.shift()! };
}

const changes: [name: keyof typeof reference.colors & string, ...factors: number[]][] = [
  ['brightness', 1.3, 1, 1, 0],
  ['contrast', 1, 0.6, 1, 0],
  ['saturation', 1, 1, 1.4, 0],
];
for (const [name, ...factors] of changes) {
  test(`${name} changes as in Pillow, which rounds to whole values`, (t) => {
    const pixels = Float32Array.from(image.data, (value) => value / 255);
    jitterColors(pixels, {}, fixed(...factors));
    const expected: number[] = reference.colors[name];
    const worst = Math.max(...expected.map((value, i) => Math.abs(value - 255 * pixels[i]!)));
    t.true(worst < 1.6, `differs by ${worst} of 255`);
  });
}

test('turning the hue keeps the luminance and grey; a whole turn changes nothing', (t) => {
  const luminance = (p: Float32Array) => 0.299 * p[0]! + 0.587 * p[1]! + 0.114 * p[2]!;
  const color = Float32Array.of(0.5, 0.4, 0.45, 0.3, 0.3, 0.3);
  const turned = color.slice();
  jitterColors(turned, {}, fixed(1, 1, 1, 0.3));
  t.true(Math.abs(luminance(turned) - luminance(color)) < 1e-6);
  t.true(Math.abs(turned[0]! - color[0]!) > 0.02);
  for (let i = 3; i < 6; i++) t.true(Math.abs(turned[i]! - 0.3) < 1e-6);
  const around = color.slice();
  jitterColors(around, {}, fixed(1, 1, 1, 1));
  for (let i = 0; i < 6; i++) t.true(Math.abs(around[i]! - color[i]!) < 1e-6);
});
