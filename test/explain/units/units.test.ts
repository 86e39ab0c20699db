import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import sharp from 'sharp';
import {
  featureMapGrid,
  featureMaps,
  maximizeActivation,
  maximizeActivations,
  maximizedFigure,
  topImages,
  topImagesFigure,
} from '../../../src/explain/units/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';

test.before(startTestEngine);

/** A convolution 3x3 of 5x5 images with given kernels [3·3 each], then pooling and a dense layer of two classes. */
function network(kernels: readonly (readonly number[])[], bias: readonly number[] = []): tfl.LayersModel {
  const filters = kernels.length;
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        name: 'conv',
        inputShape: [5, 5, 1],
        filters,
        kernelSize: 3,
        padding: 'same',
        activation: 'relu',
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 2, useBias: false }),
    ],
  });
  const values = Array.from(
    { length: 9 * filters },
    (_, i) => kernels[i % filters]![Math.trunc(i / filters)]!,
  );
  const weights = tf.tensor4d(values, [3, 3, 1, filters]);
  const offsets = tf.tensor1d(kernels.map((_, k) => bias[k] ?? 0));
  model.layers[0]!.setWeights([weights, offsets]);
  tf.dispose([weights, offsets]);
  return model;
}

const centre = [0, 0, 0, 0, 1, 0, 0, 0, 0];
const edges = [1, 2, 3, 4, 5, 6, 7, 8, 9];
const never = centre.map((value) => -value);

/** A 5x5 image that is 0 but at some places. */
function points(...places: [y: number, x: number, value: number][]): Float32Array {
  const image = new Float32Array(25);
  for (const [y, x, value] of places) image[5 * y + x] = value;
  return image;
}

function batch(ids: readonly string[], images: readonly Float32Array[]) {
  const values = new Float32Array(25 * images.length);
  for (const [i, image] of images.entries()) values.set(image, 25 * i);
  return { size: images.length, images: values, ids };
}

test.serial('feature maps are what the layer answers, one map per channel', async (t) => {
  const model = network([centre, never]);
  const image = tf.tensor3d(points([1, 2, 3], [4, 4, 1]), [5, 5, 1]);
  const before = tf.memory().numTensors;
  const { layer, channels } = await featureMaps(model, image, { targetLayer: 'conv' });
  t.is(tf.memory().numTensors, before);
  t.is(layer, 'conv');
  t.deepEqual(
    channels.map((maps) => maps.map(({ data, height, width }) => [[...data], height, width])),
    [[[[...points([1, 2, 3], [4, 4, 1])], 5, 5]], [[[...new Float32Array(25)], 5, 5]]],
  );
  await t.throwsAsync(featureMaps(model, tf.zeros([2, 5, 5, 1])), {
    message: /expected one image, received 2/,
  });
  await t.throwsAsync(featureMaps(model, image, { targetLayer: 'cnv' }), {
    message: /no layer "cnv".*"conv"/,
  });
});

test.serial('in the grid each map goes from black to white, a constant one is black', async (t) => {
  const model = network([centre, never]);
  const image = tf.tensor3d(points([1, 2, 3], [4, 4, 1.5]), [5, 5, 1]);
  const png = await featureMapGrid(model, image, { targetLayer: 'conv', tileSize: 100, title: 'conv' });
  const { data, info } = await sharp(png).raw().toBuffer({ resolveWithObject: true });
  // Two tiles of 100 pixels beside each other, 8 apart, below margin and title.
  t.is(info.width, 20 + 100 + 8 + 100 + 20);
  const at = (y: number, x: number) => data[((20 + 32 + y) * info.width + 20 + x) * info.channels];
  t.is(at(30, 50), 255, 'the largest value');
  t.is(at(90, 90), 128, 'half of it');
  t.is(at(10, 10), 0);
  t.is(at(30, 108 + 50), 0, 'the second map is 0 everywhere');
});

test.serial('frames of a volume are maps of their own', async (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv3d({
        name: 'conv',
        inputShape: [2, 3, 4, 1],
        filters: 1,
        kernelSize: 1,
        useBias: false,
      }),
      tfl.layers.flatten({}),
      tfl.layers.dense({ units: 1 }),
    ],
  });
  model.layers[0]!.setWeights([tf.ones([1, 1, 1, 1, 1])]);
  const { channels } = await featureMaps(model, tf.range(0, 24).reshape([2, 3, 4, 1]));
  t.deepEqual(
    channels[0]!.map(({ data, height, width }) => [data[0], data[11], height, width]),
    [
      [0, 11, 3, 4],
      [12, 23, 3, 4],
    ],
  );
});

test.serial(
  'top images: by the largest value, with its place, its projection, and a window around it',
  async (t) => {
    const model = network([centre, edges, never]);
    const images = [
      points([0, 0, 2]),
      points([2, 3, 5], [1, 1, 1]),
      points([4, 4, 3]),
      points([2, 2, 1]),
      new Float32Array(25),
    ];
    const ids = ['a', 'b', 'c', 'd', 'e'];
    const done: string[] = [];
    const before = tf.memory().numTensors;
    const result = await topImages(
      model,
      [batch(ids.slice(0, 3), images.slice(0, 3)), batch(ids.slice(3), images.slice(3))],
      {
        targetLayer: 'conv',
        top: 3,
        onProgress: (what, count) => done.push(`${what} ${count}`),
      },
    );
    t.is(tf.memory().numTensors, before);
    t.deepEqual(done, ['images 3', 'images 5', 'filters 1', 'filters 2', 'filters 3']);
    const [first, second, third] = result.filters;
    t.deepEqual(
      first!.top.map(({ id, value, position }) => [id, value, ...position]),
      [
        ['b', 5, 2, 3],
        ['c', 3, 4, 4],
        ['a', 2, 0, 0],
      ],
    );
    // A filter of one weight goes back to one pixel, by its own value.
    t.deepEqual([...first!.top[0]!.projection], [...points([2, 3, 5])]);
    t.deepEqual(first!.top[0]!.window, { top: 2, left: 3, height: 1, width: 1 });

    // The weights 1 … 9 answer most where 9 lies on the point: the unit up and to the left of it. What goes back are the
    // weights around that unit, times its value 9·5 + 4·1.
    const strongest = second!.top[0]!;
    t.deepEqual([strongest.id, strongest.value, ...strongest.position], ['b', 49, 1, 2]);
    t.deepEqual(strongest.window, { top: 0, left: 1, height: 3, width: 3 });
    const back = [0, 1, 2].map((y) => [...strongest.projection.slice(5 * y + 1, 5 * y + 4)]);
    t.deepEqual(
      back.flat(),
      edges.map((weight) => weight * 49),
    );
    // c's unit at (3, 3) sees rows 2 … 4; a's at (0, 0) sees four pixels, its window reaches inwards.
    t.deepEqual(
      second!.top.map(({ id, position, window }) => [
        id,
        ...position,
        window.top,
        window.left,
        window.height,
      ]),
      [
        ['b', 1, 2, 0, 1, 3],
        ['c', 3, 3, 2, 2, 3],
        ['a', 0, 0, 0, 0, 3],
      ],
    );
    t.deepEqual(third!.top, [], 'a filter that never answers has no images');

    const png = await sharp(await topImagesFigure(result, { patchSize: 20 })).metadata();
    // Three filters side by side, each two blocks of 2 x 2 patches.
    const block = 2 * 22 - 2;
    t.is(png.width, 20 + 3 * (2 * block + 8) + 2 * 32 + 20);
  },
);

test.serial('top images: the projection can be another', async (t) => {
  const model = network([centre]);
  const { filters } = await topImages(model, [batch(['a'], [points([1, 1, 4])])], {
    targetLayer: 'conv',
    top: 2,
    project: (_model, images, { layer, filter, positions }) => {
      t.deepEqual(
        [layer, filter, positions],
        [
          'conv',
          0,
          [
            [1, 1],
            [1, 1],
          ],
        ],
      );
      return tf.mul(images, 2);
    },
  });
  t.deepEqual([...filters[0]!.top[0]!.projection], [...points([1, 1, 8])]);
});

test.serial('top images: what does not fit is said, and an interrupt is heard', async (t) => {
  const model = network([centre]);
  const good = [batch(['a'], [points([1, 1, 4])])];
  await t.throwsAsync(topImages(model, good, { filters: [1] }), {
    message: /has filters 0 to 0, received 1/,
  });
  await t.throwsAsync(topImages(model, good, { top: 0 }), { message: /top: .*at least 1, received 0/ });
  await t.throwsAsync(topImages(model, [{ size: 2, images: new Float32Array(25), ids: ['a', 'b'] }]), {
    message: /expected 2 x \[5, 5, 1\] values, received 25/,
  });
  await t.throwsAsync(topImages(model, good, { signal: AbortSignal.abort(new Error('enough')) }), {
    message: 'enough',
  });
});

test.serial('a linear class is maximised by the ends of the range, whatever is made beside it', async (t) => {
  const model = tfl.sequential({
    layers: [
      tfl.layers.flatten({ inputShape: [2, 2, 1] }),
      tfl.layers.dense({ units: 2, useBias: false, activation: 'softmax' }),
    ],
  });
  model.layers[1]!.setWeights([tf.tensor2d([1, 3, -1, 3, 2, 3, -2, 3], [4, 2])]);
  const plain = { jitter: 0, blur: 0, decay: 0, steps: 60, stepSize: 0.05, range: [-1, 1] as const };
  const before = tf.memory().numTensors;
  const { images, values } = await maximizeActivations(model, { classes: [0, 1] }, plain);
  t.is(tf.memory().numTensors, before + 1);
  t.deepEqual(images.shape, [2, 2, 2, 1]);
  t.deepEqual([...images.dataSync()], [1, -1, 1, -1, 1, 1, 1, 1]);
  t.deepEqual([...values], [6, 12]);
  const alone = await maximizeActivation(
    model,
    { class: 1 },
    { ...plain, steps: 7, jitter: 1, decay: 0.1, blur: 0.4 },
  );
  const beside = await maximizeActivations(
    model,
    { classes: [0, 1] },
    { ...plain, steps: 7, jitter: 1, decay: 0.1, blur: 0.4 },
  );
  t.deepEqual(alone.shape, [2, 2, 1]);
  t.deepEqual([...alone.dataSync()], [...beside.images.dataSync().slice(4)]);
  await t.throwsAsync(maximizeActivations(model, { classes: [2] }), {
    message: /there are 0 to 1, received 2/,
  });
  await t.throwsAsync(maximizeActivations(model, { classes: [0] }, { range: [1, 0] }), { message: /range/ });
});

test.serial(
  'a filter that is silent on noise is maximised through its ReLU, the same way for the same seed',
  async (t) => {
    const model = network([centre, edges], [-3, 0]);
    const options = { steps: 20, seed: 4, decay: 0, blur: 0, stepSize: 0.1 };
    const told: number[] = [];
    const made = await maximizeActivations(
      model,
      { layer: 'conv', units: [0, 1] },
      { ...options, onProgress: (done) => told.push(done) },
    );
    t.deepEqual(
      told,
      Array.from({ length: 20 }, (_, i) => i + 1),
    );
    t.true(made.before[0]! < -2.3 && made.before[0]! > -2.7, 'the mean of noise around 0.5, less 3');
    // All pixels at 1, the upper end: their mean is 1.
    t.true(Math.abs(made.values[0]! - -2) < 1e-6);
    const again = await maximizeActivations(model, { layer: 'conv', units: [0, 1] }, options);
    t.deepEqual([...again.images.dataSync()], [...made.images.dataSync()]);
    const other = await maximizeActivations(
      model,
      { layer: 'conv', units: [0, 1] },
      { ...options, steps: 0, seed: 5 },
    );
    const start = await maximizeActivations(
      model,
      { layer: 'conv', units: [0, 1] },
      { ...options, steps: 0 },
    );
    t.notDeepEqual([...other.images.dataSync()], [...start.images.dataSync()]);
    const png = await sharp(await maximizedFigure(made, { names: ['0', '1'], tileSize: 50 })).metadata();
    t.is(png.width, 20 + 50 + 8 + 50 + 20);
    const stop = AbortSignal.abort(new Error('enough'));
    await t.throwsAsync(maximizeActivation(model, { layer: 'conv', unit: 0 }, { ...options, signal: stop }), {
      message: 'enough',
    });
    await t.throwsAsync(maximizeActivation(model, { layer: 'conv', unit: 2 }), {
      message: /"conv".*0 to 1, received 2/,
    });
  },
);
