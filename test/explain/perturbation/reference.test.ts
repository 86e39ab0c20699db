import { readFileSync } from 'node:fs';
import test from 'ava';
import { occlusion, superpixels } from '../../../src/explain/perturbation/index.ts';
import { kernelWeights } from '../../../src/explain/perturbation/lime.ts';
import { riseMask } from '../../../src/explain/perturbation/rise-mask.ts';
import { sparseLinearFit } from '../../../src/explain/perturbation/sparse-linear-fit.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { buildCase, type LayerSpec, numbers, pairsOf, tensorOf } from '../../gradcam/reference-network.ts';

interface Reference {
  network: {
    seed: number;
    input: number[];
    pairs: [number, number][];
    layers: LayerSpec[];
    occlusion: { patch: number[]; stride: number[]; fill: number[] | null; maps: number[] }[];
  };
  masks: { seed: number; cells: number; size: [number, number]; shift: [number, number]; mask: number[] }[];
  superpixels: {
    size: [number, number];
    segments: number;
    compactness: number;
    image: number[];
    labels: number[];
  }[];
  fits: {
    samples: number;
    parts: number;
    features: number;
    ridge: number;
    width: number;
    y: number[];
    weights: number[];
    selected: number[];
    coefficients: number[];
    intercept: number;
    r2: number;
  }[];
}

const reference: Reference = JSON.parse(
  readFileSync(new URL('../../fixtures/perturbation.json', import.meta.url), 'utf8'),
);

test.before(startTestEngine);

const difference = (actual: ArrayLike<number>, expected: readonly number[]) =>
  actual.length === expected.length
    ? Math.max(...expected.map((value, i) => Math.abs(actual[i]! - value)))
    : Number.POSITIVE_INFINITY;

for (const { patch, stride, fill, maps } of reference.network.occlusion) {
  test(`occlusion by patches of ${patch} every ${stride} pixels equals PyTorch's`, async (t) => {
    const { network } = reference;
    const one = { ...network, title: '', target: 'c', results: [] };
    const { model } = buildCase(one);
    const images = tensorOf(7, network.input);
    const found = await occlusion(model, images, pairsOf(one), {
      patch,
      stride,
      fill: fill ?? undefined,
      batchSize: 7,
    });
    t.deepEqual(found.shape, [3, 12, 10]);
    t.true(difference(found.dataSync(), maps) < 1e-6 * Math.max(...maps.map(Math.abs)) * 10);
  });
}

test("a mask of RISE equals PyTorch's enlarged and shifted grid", (t) => {
  for (const { seed, cells, size, shift, mask } of reference.masks) {
    const grid = Float32Array.from(numbers(seed, cells * cells), (value) => Number(value < 0));
    const found = new Float32Array(mask.length);
    riseMask(grid, shift, { cells, height: size[0], width: size[1] }, found);
    t.true(difference(found, mask) < 1e-6);
    t.true(new Set(mask).size > 5, 'there is something to be equal to');
  }
});

test("superpixels equal scikit-image's, pixel by pixel", (t) => {
  for (const { size, segments, compactness, image, labels } of reference.superpixels) {
    const pixels = Float32Array.from(image, (value) => value / 255);
    const found = superpixels(pixels, size[0], size[1], { segments, compactness });
    t.deepEqual([...found], labels, size.join('x'));
    t.true(new Set(labels).size > 3);
  }
});

test("LIME's kernel, selection and ridge regression equal numpy's", (t) => {
  for (const { samples, parts, features, ridge, width, y, weights, ...expected } of reference.fits) {
    const z = Uint8Array.from(numbers(31, samples * parts), (value) => Number(value < 0));
    z.fill(1, 0, parts);
    const kernel = kernelWeights(z, parts, width);
    t.true(difference(kernel, weights) < 1e-6);
    const fit = sparseLinearFit(z, y, kernel, { features, ridge });
    t.deepEqual([...fit.selected], expected.selected);
    t.true(difference(fit.coefficients, expected.coefficients) < 1e-5);
    t.true(Math.abs(fit.intercept - expected.intercept) < 1e-5);
    t.true(Math.abs(fit.r2 - expected.r2) < 1e-5);
  }
});
