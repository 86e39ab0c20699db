import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import sharp from 'sharp';
import { ModelError, UsageError } from '../../../src/errors/index.ts';
import { diagnoseKernels, invarianceCurves, kernelGrid, kernelsOf } from '../../../src/explain/index.ts';
import { transformed } from '../../../src/explain/units/invariance.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { numbers } from '../../gradcam/reference-network.ts';
import { smallNetwork } from '../networks.ts';

test.before(startTestEngine);

/** One filter of 8x8 for each function of y and x. */
function network(strides: number, ...filters: ((y: number, x: number) => number)[]): tfl.Sequential {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        name: 'first',
        inputShape: [16, 16, 1],
        filters: filters.length,
        kernelSize: 8,
        strides,
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  const values = Float32Array.from({ length: 64 * filters.length }, (_, i) => {
    const place = Math.trunc(i / filters.length);
    return filters[i % filters.length]!(Math.trunc(place / 8), place % 8);
  });
  model.layers[0]!.setWeights([tf.tensor4d(values, [8, 8, 1, filters.length]), tf.zeros([filters.length])]);
  return model;
}

const wave = (cycles: number) => (_: number, x: number) => Math.cos((2 * Math.PI * cycles * x) / 8);

test('filters: their frequencies, dead ones, aliasing by the stride, in numbers and words', (t) => {
  // 1/8, 2/8 and 4/8 cycles per pixel, and one that is hardly there.
  const kernels = kernelsOf(network(4, wave(1), wave(2), wave(4), (y, x) => 1e-3 * wave(1)(y, x)));
  t.deepEqual([kernels.layer, kernels.size, kernels.channels, kernels.strides], ['first', [8, 8], 1, [4, 4]]);
  const found = diagnoseKernels(kernels);
  const [low, middle, high] = found.filters;
  t.true(low!.low > 0.5 && middle!.middle > 0.5 && high!.high > 0.5);
  for (const one of found.filters) t.true(Math.abs(one.low + one.middle + one.high - 1) < 1e-9);
  t.true(Math.abs(low!.rms - Math.SQRT1_2) < 1e-6 && Math.abs(high!.rms - 1) < 1e-6);
  t.deepEqual(found.dead, [3]);
  t.deepEqual(found.bands, { low: 1, middle: 1, high: 1 });
  // Above 1/8 cycles lie nearly all of the second and the third.
  t.true(middle!.aliased > 0.7 && high!.aliased > 0.9 && low!.aliased < middle!.aliased);
  t.is(found.findings.length, 2);
  t.regex(found.findings[0]!, /^1 of 4 filters are dead .*: 3$/);
  t.regex(found.findings[1]!, /^stride 4 aliases: \d+ %/);
  const alike = diagnoseKernels(kernelsOf(network(1, wave(1), wave(1))));
  t.deepEqual(
    alike.findings.map((line) => line.split(':')[0]),
    ['middle frequencies are missing', 'high frequencies are missing'],
  );
  t.is(alike.aliased, 0);
});

test('a grid of the filters; a layer that is none is named', async (t) => {
  const kernels = kernelsOf(smallNetwork(), 'conv1');
  t.deepEqual([kernels.filters.length, kernels.channels], [4, 3]);
  const { width, format } = await sharp(await kernelGrid(kernels)).metadata();
  t.is(format, 'png');
  t.true(width > 3 * 72);
  t.throws(() => kernelsOf(smallNetwork(), 'pool'), {
    instanceOf: ModelError,
    message: 'Model "small": no convolution "pool"; there are conv1, conv2',
  });
});

test('images moved: shifts by whole pixels, a quarter turn, a factor of 1', (t) => {
  const shape = [1, 4, 4, 1] as const;
  const image = Float32Array.from({ length: 16 }, (_, i) => i);
  t.deepEqual([...transformed(image, shape, 'shift', 1)].slice(0, 8), [0, 0, 1, 2, 4, 4, 5, 6]);
  const turned = [...transformed(image, shape, 'rotation', 90)].map((value) => Math.round(value * 1e4) / 1e4);
  // Counter-clockwise: the right column becomes the upper row.
  t.deepEqual(turned.slice(0, 4), [3, 7, 11, 15]);
  t.deepEqual([...transformed(image, shape, 'scale', 1)], [...image]);
});

test('curves of invariance: 0 where nothing is changed; pooling forgets shifts that the maps still see', async (t) => {
  const images = tf.tensor4d(
    numbers(5, 2 * 768).map((value) => value + 0.5),
    [2, 16, 16, 3],
  );
  const live = tf.memory().numTensors;
  const curves = await invarianceCurves(smallNetwork(), images, {
    layers: ['conv1', 'conv2'],
    amounts: { shift: [0, 3], scale: [1, 2], rotation: [0, 90] },
  });
  t.is(tf.memory().numTensors - live, smallNetworkWeights());
  t.deepEqual(
    curves.map(({ change }) => change),
    ['shift', 'scale', 'rotation'],
  );
  for (const { distances, probability, change } of curves) {
    for (const [layer, [still, moved]] of Object.entries(distances)) {
      t.true(still! < 1e-5, `${change} ${layer}`);
      t.true(moved! > 0.05, `${change} ${layer}`);
    }
    t.true(probability[0]! > 1 / 3);
  }
  await t.throwsAsync(invarianceCurves(smallNetwork(), images, { amounts: { scale: [0] } }), {
    instanceOf: UsageError,
  });
});

/** Tensors of one more network. */
function smallNetworkWeights(): number {
  const before = tf.memory().numTensors;
  smallNetwork();
  return tf.memory().numTensors - before;
}
