import { readFileSync } from 'node:fs';
import test from 'ava';
import {
  areaUnder,
  Bootstrap,
  BootstrapMean,
  BootstrapMeans,
  blurred,
  confidenceDrop,
  confidenceIncreases,
  exchangePixels,
  imputeLinear,
  pixelOrder,
  rankCorrelation,
} from '../../src/metrics/index.ts';

const fixture = JSON.parse(
  readFileSync(new URL('../fixtures/localization_measures.json', import.meta.url), 'utf8'),
);

test('a drop is relative to the score of the whole image, a gain is no drop', (t) => {
  t.is(confidenceDrop(0.8, 0.2), 0.75000000000000011);
  t.is(confidenceDrop(0.2, 0.8), 0);
  t.is(confidenceDrop(0, 0), 0);
  t.true(confidenceIncreases(0.2, 0.8));
  t.false(confidenceIncreases(0.2, 0.2));
});

test('pixels leave in the order of the map, equal ones from the first on', (t) => {
  t.deepEqual([...pixelOrder([0.1, 0.9, 0.1, 0.5])], [1, 3, 0, 2]);
  const image = Float32Array.from({ length: 12 }, (_, i) => i);
  const out = new Float32Array(12);
  exchangePixels(image, new Float32Array(12), Uint32Array.of(1, 3), out);
  t.deepEqual([...out], [0, 1, 2, 0, 0, 0, 6, 7, 8, 0, 0, 0]);
});

test('the area under a curve is that of its trapezoids', (t) => {
  t.is(areaUnder([0, 0.5, 1], [1, 0.5, 0]), 0.5);
  t.is(areaUnder([0, 0.25, 1], [0, 1, 1]), 0.125 + 0.75);
});

test('blurring keeps a constant image and the sum of what lies inside', (t) => {
  t.deepEqual([...blurred(new Float32Array(5 * 4 * 3).fill(0.25), 5, 4, 2)], Array(60).fill(0.25));
  const point = new Float32Array(21 * 21 * 3);
  point[3 * (10 * 21 + 10)] = 1;
  const soft = blurred(point, 21, 21, 1.5);
  t.true(Math.abs(soft.reduce((sum, value) => sum + value, 0) - 1) < 1e-5);
  const variance = soft.reduce((sum, value, i) => sum + value * (Math.trunc(i / 63) - 10) ** 2, 0);
  t.true(Math.abs(Math.sqrt(variance) - 1.5) < 0.3, 'close to the deviation asked for');
});

test('imputed pixels solve the linear system that scipy solves', (t) => {
  const { height, width, image, removed, imputed } = fixture.road;
  const values = Float32Array.from(image as number[]);
  imputeLinear(values, height, width, Uint32Array.from(removed as number[]), 1e-6);
  for (const [i, value] of values.entries()) t.true(Math.abs(value - imputed[i]) < 1e-4, `value ${i}`);
});

test('rank correlation shares ranks among equals, as scipy does', (t) => {
  const { a, b, correlation } = fixture.ranks;
  t.true(Math.abs(rankCorrelation(a, b) - correlation) < 1e-8);
  t.is(rankCorrelation([1, 2, 3], [6, 5, 4]), -1);
  t.is(rankCorrelation([1, 1], [1, 2]), Number.NaN);
});

test('the bootstrap of a mean is as wide as its standard error says, and the same for the same seed', (t) => {
  const images = 400;
  const share = 0.3;
  const run = (seed: number) => {
    const bootstrap = new Bootstrap({ replicates: 1000, seed });
    const mean = new BootstrapMean(bootstrap);
    for (let i = 0; i < images; i++) mean.add(Number(i % 10 < 10 * share), bootstrap.counts(i));
    return mean.interval;
  };
  const { value, low, high } = run(1);
  t.is(value, share);
  const width = 2 * 1.96 * Math.sqrt((share * (1 - share)) / images);
  t.true(Math.abs(high - low - width) < 0.15 * width, `${high - low} against ${width}`);
  t.deepEqual(run(1), { value, low, high });
  t.notDeepEqual(run(2), { value, low, high });
});

test('bootstrap counts are Poisson(1)', (t) => {
  const counts = new Bootstrap({ replicates: 20_000 }).counts(3);
  const share = (k: number) => counts.filter((count) => count === k).length / counts.length;
  for (const [k, expected] of [0.3679, 0.3679, 0.1839, 0.0613].entries()) {
    t.true(Math.abs(share(k) - expected) < 0.015, `${k}`);
  }
});

test('several means that grow together are those that grow alone', (t) => {
  const bootstrap = new Bootstrap({ replicates: 50 });
  const together = new BootstrapMeans(bootstrap, 2);
  const alone = [new BootstrapMean(bootstrap), new BootstrapMean(bootstrap)];
  for (let image = 0; image < 7; image++) {
    const values = [image / 3, (image * 5) % 4];
    together.add(values, bootstrap.counts(image));
    for (const [k, one] of alone.entries()) one.add(values[k]!, bootstrap.counts(image));
  }
  for (const [k, one] of alone.entries()) t.deepEqual(together.interval(k), one.interval);
  t.is(together.count, 7);
});
