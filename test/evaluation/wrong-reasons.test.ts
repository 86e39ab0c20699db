import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import sharp from 'sharp';
import { DatasetWriter } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { evaluate, evaluationTable, eventScalars } from '../../src/evaluation/index.ts';
import { saveLayersModel } from '../../src/models/index.ts';

const SIZE = 8;
const options = {
  measures: ['wrong-reasons'] as const,
  targetLayer: 'red',
  tolerance: 0,
  replicates: 10,
  seed: 1,
  faithfulnessLimit: 1,
  sanityLimit: 1,
};

/** Looks at how red an image is: its map is the red channel, its input gradient the same everywhere. */
function redness(): tfl.LayersModel {
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        inputShape: [SIZE, SIZE, 3],
        filters: 1,
        kernelSize: 1,
        name: 'red',
        useBias: false,
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 2, useBias: false }),
    ],
  });
  model.setWeights([tf.tensor4d([1, 0, 0], [1, 1, 3, 1]), tf.tensor2d([4, -4], [1, 2])]);
  return model;
}

/** A black image with a red square of 4x4 in its upper left corner. */
const pixels = Buffer.alloc(SIZE * SIZE * 3);
for (let y = 0; y < 4; y++) for (let x = 0; x < 4; x++) pixels[(y * SIZE + x) * 3] = 255;

const box = (xmin: number, xmax: number) => ({ class: 1, xmin, xmax, ymin: 0, ymax: 0.5 });

test.serial('WR of a network whose maps are known: all, none and half of a mask is lit', async (t) => {
  t.timeout(60_000);
  const folder = await mkdtemp(join(tmpdir(), 'gain-wrong-reasons-'));
  try {
    const png = await sharp(pixels, { raw: { width: SIZE, height: SIZE, channels: 3 } })
      .png()
      .toBuffer();
    const info = { name: 'red', classes: ['red', 'not'], multiLabel: false };
    const writer = await DatasetWriter.create(join(folder, 'data'), info, ['test', 'bare', 'late', 'both']);
    const write = (split: string, objects: ReturnType<typeof box>[]) =>
      writer.write(split, { encoded: png, format: 'png', filename: 'x.png', labels: [1], objects });
    await write('test', [box(0, 0.5)]);
    await write('test', [box(0.5, 1)]);
    await write('test', [box(0, 1)]);
    await write('test', []);
    await write('bare', []);
    await write('late', []);
    await write('late', [box(0, 1)]);
    // Of two images with an object, one says what must not matter: the left half, half of which is lit.
    const left = Buffer.alloc(SIZE * SIZE);
    for (let y = 0; y < SIZE; y++) left.fill(255, y * SIZE, y * SIZE + 4);
    const confounder = await sharp(left, { raw: { width: SIZE, height: SIZE, channels: 1 } })
      .png()
      .toBuffer();
    const both = { encoded: png, format: 'png', filename: 'x.png', labels: [1], objects: [box(0.5, 1)] };
    await writer.write('both', { ...both, confounder });
    await writer.write('both', both);
    await writer.finish();
    await startEngine({ engine: 'cpu' });
    await saveLayersModel(redness(), join(folder, 'model'));
    const source = { model: join(folder, 'model') };
    const data = join(folder, 'data');
    const request = {
      source,
      data,
      options: { ...options, methods: ['grad-cam'] },
      engine: 'cpu',
      log: () => {},
    };

    const [evaluated] = await evaluate(request);
    const { images, methods } = evaluated!.result.wrongReasons!;
    t.is(images, 3);
    // The answer is "red" though the label is "not": the map of the label would be dead.
    t.is(methods['grad-cam']!.wr!.value, 0.5);
    t.is(methods['grad-cam']!.wr!.count, 3);
    t.is(methods['grad-cam']!.threshold, 0.25);
    t.is(methods['grad-cam']!.deadShare, 0);
    t.deepEqual(methods['input-gradient'], { wr: null, threshold: null, deadShare: 1 });
    t.regex(evaluationTable(evaluated!.result), /grad-cam +50\.0 .*0\.250/);
    t.is(eventScalars(evaluated!.result)['wrong-reasons-test/grad-cam/wr'], 0.5);

    const [measured] = await evaluate({ ...request, splits: ['both'] });
    const ofBoth = measured!.result.wrongReasons!;
    t.is(ofBoth.images, 1, 'objects are no confounders where there are such');
    t.is(ofBoth.methods['grad-cam']!.wr!.value, 0.5);

    const limited = { ...request, splits: ['late'], options: { ...request.options, limit: 1 } };
    const [unmasked] = await evaluate(limited);
    const nothing = { wr: null, threshold: null, deadShare: null };
    t.deepEqual(unmasked!.result.wrongReasons, {
      images: 0,
      methods: { 'grad-cam': nothing, 'input-gradient': nothing },
    });

    await t.throwsAsync(evaluate({ ...request, splits: ['bare'] }), {
      name: 'DataError',
      message: /no image of bare has a box or a mask, so nothing says what must not matter/,
    });
  } finally {
    await rm(folder, { recursive: true });
  }
});
