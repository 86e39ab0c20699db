import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import sharp from 'sharp';
import { DataError, RunError, UsageError } from '../../../src/errors/index.ts';
import {
  type EpochFeatures,
  featureHistory,
  overEpochsFigure,
  partCorrespondence,
  readParts,
  topImages,
} from '../../../src/explain/units/index.ts';
import { epochFolder, keptEpochs } from '../../../src/run/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';
import { temporary } from '../networks.ts';

test.before(startTestEngine);

/** One 1x1 convolution on 2x2 pixels: features are +x and -x of each pixel. */
function network(): tfl.LayersModel {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ name: 'signs', filters: 2, kernelSize: 1, inputShape: [2, 2, 1] }),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  model.layers[0]!.setWeights([tf.tensor4d([1, -1], [1, 1, 1, 2]), tf.zeros([2])]);
  return model;
}

test.serial('correspondence of parts, by hand', async (t) => {
  // Upper left of the three images: bright, bright, dark; what is occluded becomes 0.5.
  const images = tf.tensor4d([1, 0.2, 0.2, 0.2, 0.9, 0.2, 0.2, 0.2, 0.1, 0.2, 0.2, 0.2], [3, 2, 2, 1]);
  const corner = [0, 0, 0.5, 0.5] as const;
  const model = network();
  const before = tf.memory().numTensors;
  const [found] = await partCorrespondence(
    model,
    images,
    { same: [corner, corner, corner], elsewhere: [corner, [0.5, 0.5, 1, 1], [0.5, 0, 1, 0.5]] },
    { layers: ['signs'], fill: 0.5, draws: 3 },
  );
  t.is(tf.memory().numTensors, before);
  // Eight features; the occluded pixel changes two of them: (+,-) in the bright ones, (-,+) in the dark one.
  // Pairs: 0 of 8, 2 of 8, 2 of 8.
  t.true(Math.abs(found!.parts.same!.mean - (0 + 2 + 2) / 24) < 1e-6);
  const deviation = Math.sqrt((2 * (0.25 - 1 / 6) ** 2 + (1 / 6) ** 2) / 3);
  t.true(Math.abs(found!.parts.same!.deviation - deviation) < 1e-6);
  // Three different pixels: in every pair four features differ.
  t.deepEqual(found!.parts.elsewhere, { mean: 0.5, deviation: 0 });
  t.true(found!.random.mean > found!.parts.same!.mean && found!.random.mean <= 0.5);
  for (const [parts, message] of [
    [{}, 'parts: expected at least one'],
    [{ eye: [corner] }, 'parts.eye: expected a box for each of 3 images, received 1'],
    [{ eye: [corner, corner, [0.5, 0, 0.5, 1]] }, /^parts.eye.2: expected xmin < xmax/],
  ] as const) {
    await t.throwsAsync(partCorrespondence(network(), images, parts as never), {
      instanceOf: UsageError,
      message,
    });
  }
});

test.serial('parts are read from a file, relative to it', async (t) => {
  const dir = await temporary(t);
  const file = join(dir, 'parts.json');
  const parts = { eye: [[0, 0, 0.5, 0.5]] };
  await writeFile(file, JSON.stringify({ images: ['a.png', 'b.png'], parts }));
  t.deepEqual(await readParts(file), { files: [join(dir, 'a.png'), join(dir, 'b.png')], parts } as never);
  await writeFile(file, JSON.stringify({ images: ['a.png'], parts }));
  await t.throwsAsync(readParts(file), { instanceOf: DataError, message: /parts.json: images/ });
  await t.throwsAsync(readParts(join(dir, 'none.json')), { message: /none.json: no such file$/ });
});

test.serial(
  'features over the epochs: the strongest image of each filter, and where it changes',
  async (t) => {
    const images = [0, 1].map((i) => Float32Array.from({ length: 48 }, (_, k) => Number(k % 3 === i)));
    const batch = {
      size: 2,
      images: Float32Array.from([...images[0]!, ...images[1]!]),
      ids: ['red', 'green'],
    };
    /** The filter answers to one colour, and later to the other. */
    const epochs = [
      [0, [0.5, 0, 0]],
      [1, [0, 2, 0]],
      [2, [0, 3, 0]],
    ] as const;
    const found: EpochFeatures[] = [];
    for (const [epoch, weights] of epochs) {
      const model = tfl.sequential({
        layers: [
          tfl.layers.conv2d({
            name: 'color',
            filters: 1,
            kernelSize: 1,
            activation: 'relu',
            inputShape: [4, 4, 3],
          }),
          tfl.layers.flatten(),
          tfl.layers.dense({ units: 2 }),
        ],
      });
      model.layers[0]!.setWeights([tf.tensor4d([...weights], [1, 1, 3, 1]), tf.zeros([1])]);
      found.push({ epoch, top: await topImages(model, [batch], { targetLayer: 'color', top: 1 }) });
    }
    t.deepEqual(featureHistory(found), {
      layer: 'color',
      epochs: [0, 1, 2],
      filters: [
        {
          filter: 0,
          strongest: [
            { id: 'red', value: 0.5 },
            { id: 'green', value: 2 },
            { id: 'green', value: 3 },
          ],
          jumps: [1],
        },
      ],
    });
    const { width, height, format } = await sharp(await overEpochsFigure(found)).metadata();
    t.is(format, 'png');
    t.true(width > 3 * 140 && height > 140);
  },
);

test.serial('the networks that a run kept, in their order', async (t) => {
  const run = await temporary(t);
  await t.throwsAsync(keptEpochs(run), { instanceOf: RunError, message: /holds no run/ });
  await writeFile(join(run, 'config.yaml'), 'name: a');
  await t.throwsAsync(keptEpochs(run), { message: /training.keepEvery: 1 in its config does$/ });
  for (const epoch of [10, 0, 2]) await mkdir(join(run, ...epochFolder(epoch)), { recursive: true });
  t.deepEqual(
    (await keptEpochs(run)).map(({ epoch }) => epoch),
    [0, 2, 10],
  );
});
