import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { UsageError } from '../../src/errors/index.ts';
import { type Heatmap, heatmapCallback } from '../../src/experiment/index.ts';
import { GainTrainer } from '../../src/gain/index.ts';
import { startTestEngine } from '../engine/test-engine.ts';
import { field, fields, splitRecords } from '../tensorboard/decode-events.ts';

test.before(() => startTestEngine('cpu'));

function network(): tfl.LayersModel {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        inputShape: [8, 8, 3],
        filters: 3,
        kernelSize: 3,
        activation: 'relu',
        name: 'conv',
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  model.compile({ optimizer: 'sgd', loss: tf.losses.softmaxCrossEntropy });
  return model;
}

function folder(t: ExecutionContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gain-heatmaps-'));
  t.teardown(() => rmSync(path, { recursive: true }));
  return path;
}

/** Step and PNG of every image of the event file in a folder. */
function picturesOf(dir: string): { step: number; tag: string; png: Buffer }[] {
  const [file] = readdirSync(dir).filter((name) => name.startsWith('events.out'));
  return splitRecords(readFileSync(join(dir, file!))).records.flatMap((record) => {
    const summary = field(record, 5) as Buffer | undefined;
    if (!summary) return [];
    return fields(summary).map(({ value }) => ({
      step: Number(field(record, 2)),
      tag: String(field(value as Buffer, 1)),
      png: field(field(value as Buffer, 4) as Buffer, 4) as Buffer,
    }));
  });
}

test.serial('a stock model.fit draws heatmaps after its epochs, in TensorBoard', async (t) => {
  const dir = folder(t);
  const images = tf.randomUniform<tf.Rank.R4>([3, 8, 8, 3], 0, 1, 'float32', 1);
  const labels = tf.tensor2d([1, 0, 0, 1, 1, 0], [3, 2]);
  const model = network();
  const options = {
    logDir: dir,
    images,
    layer: 'conv',
    method: 'grad-cam++',
    classNames: ['猫', 'dog'],
  } as const;
  await model.fit(images, labels, { epochs: 1, verbose: 0 });
  const before = tf.memory().numTensors;
  await model.fit(images, labels, {
    epochs: 4,
    verbose: 0,
    callbacks: heatmapCallback({ ...options, every: 2 }),
  });
  t.is(tf.memory().numTensors, before);
  const pictures = picturesOf(dir);
  t.deepEqual(
    pictures.map(({ step, tag }) => [step, tag]),
    [
      [2, 'heatmaps'],
      [4, 'heatmaps'],
    ],
  );
  // Three blocks of image and map, 128 pixels each, gaps of 8 and 32, margins of 20.
  const { width } = await sharp(pictures[0]!.png).metadata();
  t.is(width, 3 * (2 * 128 + 8) + 2 * 32 + 2 * 20);
});

test.serial('the trainer takes it too', async (t) => {
  const dir = folder(t);
  const images = tf.randomUniform<tf.Rank.R4>([2, 8, 8, 3], 0, 1, 'float32', 1);
  const trainer = new GainTrainer(network(), { link: 'softmax', targetLayer: 'conv' });
  await trainer.fitDataset([{ images, labels: [0, 1] }], {
    epochs: 1,
    callbacks: heatmapCallback({ logDir: dir, images, classes: [0, 1] }),
  });
  t.is(picturesOf(dir).length, 1);
});

test.serial('heatmaps as RGBA bytes, without TensorBoard', async (t) => {
  const images = tf.randomUniform<tf.Rank.R4>([2, 8, 8, 3], 0, 1, 'float32', 1);
  const model = network();
  const seen: [number, readonly Heatmap[]][] = [];
  await model.fit(images, tf.tensor2d([1, 0, 0, 1], [2, 2]), {
    epochs: 2,
    verbose: 0,
    callbacks: heatmapCallback({
      images,
      classes: [1, 0],
      onHeatmaps: (epoch, maps) => void seen.push([epoch, maps]),
    }),
  });
  t.deepEqual(
    seen.map(([epoch, maps]) => [epoch, maps.length]),
    [
      [1, 2],
      [2, 2],
    ],
  );
  const [first] = seen[1]![1];
  t.is(first!.class, 1);
  t.is(first!.logit, (model.predict(images) as tf.Tensor2D).arraySync()[0]![1]!);
  t.deepEqual([first!.map.width, first!.map.height, first!.map.data.length], [6, 6, 36]);
  t.deepEqual([first!.overlay.width, first!.overlay.height, first!.overlay.data.length], [8, 8, 256]);
  t.true(first!.overlay.data.every((value, i) => i % 4 !== 3 || value === 255));
});

test.serial('what does not fit is said before the training', async (t) => {
  const images = tf.zeros<tf.Rank.R4>([2, 8, 8, 3]);
  const wrong = (more: object) =>
    t.throws(() => heatmapCallback({ logDir: 'x', images, ...more }), { instanceOf: UsageError });
  t.regex(wrong({ classes: [1] }).message, /^classes: expected one for each of the 2 images, received 1$/);
  t.regex(wrong({ every: 0 }).message, /^every: /);
  t.regex(wrong({ logDir: undefined }).message, /logDir or onHeatmaps is needed/);
  t.regex(wrong({ images: tf.zeros([2, 8, 8, 1]) }).message, /^images: expected \[B, height, width, 3\]/);
  const callbacks = heatmapCallback({ logDir: 'x', images, layer: 'cnov' });
  const error = await t.throwsAsync(
    network().fit(images, tf.tensor2d([1, 0, 0, 1], [2, 2]), { epochs: 1, callbacks }),
  );
  t.regex(error.message, /cnov/);
});
