import { readFile } from 'node:fs/promises';
import * as tf from '@tensorflow/tfjs-core';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { DatasetWriter, openDataset } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { UsageError } from '../../src/errors/index.ts';
import { lastLayersBySize, layerOutputs } from '../../src/gradcam/index.ts';
import { buildModel } from '../../src/models/index.ts';
import {
  fitPixelClassifier,
  intersectionOverUnion,
  largestBlobs,
  segmentDataset,
  truthOfBoxes,
  truthOfLabels,
  truthOfMasks,
} from '../../src/segmentation/index.ts';
import { temporaryFolder } from '../data/temporary-folder.ts';

test.before(async () => {
  await startEngine({ engine: (process.env.GAIN_TEST_ENGINE ?? 'onnx') as 'onnx', threads: 1 });
});

const size = 16;
const pixels = size * size;

test('what is known of a pixel: from masks, from labels, from boxes', (t) => {
  const mask = Uint8Array.from([1, 0, 0, 0]);
  // Class 1 has a mask, class 0 is there somewhere: bit 0 the background, bit c + 1 class c.
  t.deepEqual([...truthOfMasks(new Map([[1, mask]]), [0, 1], 2, 2).allowed], [0b100, 0b011, 0b011, 0b011]);
  t.deepEqual([...truthOfMasks(new Map([[1, mask]]), [1], 2, 2).allowed], [0b100, 1, 1, 1]);
  t.deepEqual([...truthOfLabels([2], 1, 2).allowed], [0b1001, 0b1001]);
  t.deepEqual([...truthOfLabels([], 1, 1).allowed], [1]);
  const boxes = truthOfBoxes([{ class: 0, left: 1, top: 0, right: 5, bottom: 4 }], 4, 6).allowed;
  const rows = Array.from({ length: 4 }, (_, y) => [...boxes.subarray(y * 6, y * 6 + 6)].join(''));
  t.deepEqual(rows, ['133331', '132231', '132231', '133331']);
});

test('the largest piece of a region stays, and those a third as large', (t) => {
  const rows = ['1100001', '1100000', '0000110', '1000000'];
  const region = Uint8Array.from(rows.join(''), Number);
  const kept = largestBlobs(region, 7);
  t.is([...kept].join(''), '1100000110000000001100000000');
  t.is(intersectionOverUnion(kept, region), 6 / 8);
  t.is(intersectionOverUnion(new Uint8Array(3), new Uint8Array(3)), 1);
});

test('the features that are read: the last layer of each size, in one pass', (t) => {
  const model = buildModel('small-cnn', {
    inputShape: [size, size, 3],
    classes: 2,
    seed: 1,
    widths: [2, 3, 4],
  });
  const layers = lastLayersBySize(model);
  t.deepEqual(layers.length, 3);
  tf.tidy(() => {
    const outputs = layerOutputs(model, tf.ones([2, size, size, 3]), layers);
    t.deepEqual(
      outputs.map(({ shape }) => shape),
      [
        [2, 16, 16, 2],
        [2, 8, 8, 3],
        [2, 4, 4, 4],
      ],
    );
    const direct = (model.predict(tf.ones([2, size, size, 3])) as tf.Tensor).shape;
    t.deepEqual(direct, [2, 2]);
  });
  model.dispose();
});

/** Red squares (class 0) and white ones (class 1) on grounds of random colours, one or two to an image, or none. */
async function squares(t: ExecutionContext, mark: 'masks' | 'boxes'): Promise<string> {
  const dir = temporaryFolder(t);
  const info = { name: 'squares', classes: ['red', 'white'], multiLabel: true };
  const writer = await DatasetWriter.create(dir, info, ['train', 'full']);
  const png = (data: Uint8Array, channels: 1 | 3) =>
    sharp(data, { raw: { width: size, height: size, channels } })
      .png()
      .toBuffer();
  for (const split of ['train', 'full']) {
    for (let i = 0; i < 12; i++) {
      const data = new Uint8Array(pixels * 3);
      for (let p = 0; p < pixels; p++) data.set([(i * 37) % 90, 90 + ((i * 53) % 90), (i * 71) % 160], p * 3);
      const present = i % 4 === 3 ? [] : i % 4 === 2 ? [0, 1] : [i % 4];
      const objects = [];
      for (const c of present) {
        const [left, top] = [c === 0 ? 1 + (i % 3) : 9, 2 + (i % 7)];
        const mask = new Uint8Array(pixels);
        for (let y = top; y < top + 6; y++) {
          for (let x = left; x < left + 6; x++) {
            mask[y * size + x] = 255;
            data.set(c === 0 ? [230, 20, 20] : [240, 240, 240], (y * size + x) * 3);
          }
        }
        const box = {
          class: c,
          xmin: left / size,
          ymin: top / size,
          xmax: (left + 6) / size,
          ymax: (top + 6) / size,
        };
        objects.push(mark === 'masks' ? { ...box, mask: await png(mask, 1) } : box);
      }
      await writer.write(split, {
        encoded: await png(data, 3),
        format: 'png',
        width: size,
        height: size,
        filename: `${i}.png`,
        labels: present,
        objects: split === 'full' || mark === 'masks' ? objects : [],
      });
    }
  }
  await writer.finish();
  return dir;
}

for (const mark of ['masks', 'boxes'] as const) {
  test.serial(
    `objects are found from few ${mark}, without a leak, and the same the second time`,
    async (t) => {
      const data = await openDataset(await squares(t, mark));
      const model = buildModel('small-cnn', {
        inputShape: [size, size, 3],
        classes: 2,
        seed: 1,
        widths: [6, 8],
      });
      const options = {
        seed: 3,
        imageSize: [size, size] as const,
        fit: 'squash' as const,
        masks: { split: 'full', count: 8 },
        splits: ['train'],
        steps: mark === 'masks' ? 60 : 100,
        batch: [4, 2] as const,
        folds: mark === 'masks' ? 2 : 0,
        workers: 0,
      };
      const before = tf.memory().numTensors;
      const predicted = await segmentDataset(model, data, options);
      t.is(tf.memory().numTensors, before);
      t.is(predicted.info.learnedFrom, 8);

      // Measured against the squares as they were drawn.
      const found: number[] = [];
      const truth = await openDataset(await squares(t, 'masks'));
      for await (const batch of truth.batches('train', {
        batchSize: 12,
        imageSize: [size, size],
        workers: 0,
      })) {
        t.is(predicted.masks.size, 12);
        batch.ids.forEach((id, sample) => {
          const { classes } = predicted.masks.get(id)!;
          const present = [0, 1].filter((c) => batch.labels[sample * 2 + c] === 1);
          t.true(
            classes.every((value) => value === 0 || present.includes(value - 1)),
            'only what the label says',
          );
          for (const c of present) {
            const mask = batch.masks.find((one) => one.sample === sample && one.class === c)!.mask;
            found.push(
              intersectionOverUnion(
                classes.map((value) => Number(value === c + 1)),
                mask,
              ),
            );
          }
        });
      }
      const mean = found.reduce((sum, value) => sum + value) / found.length;
      t.true(mean > (mark === 'masks' ? 0.6 : 0.4), `mean IoU ${mean}`);
      if (mark === 'masks') {
        const estimates = predicted.info.iou as number[];
        t.true(
          Math.abs((estimates[0]! + estimates[1]!) / 2 - mean) < 0.35,
          `estimated ${estimates}, is ${mean}`,
        );
      } else {
        t.deepEqual(predicted.info.iou, [null, null]);
      }

      const bytes = await readFile(predicted.path);
      const again = await segmentDataset(model, data, { ...options, workers: 1 });
      t.is(again.path, predicted.path);
      t.deepEqual(await readFile(again.path), bytes);
      await data.close();
      await truth.close();
      model.dispose();
    },
  );
}

test('nothing to learn from is an error', (t) => {
  const model = buildModel('small-cnn', { inputShape: [size, size, 3], classes: 2, seed: 1, widths: [4] });
  t.throws(() => fitPixelClassifier(model, [], [], { seed: 1, classes: 2 }), {
    instanceOf: UsageError,
    message: /no image has masks or boxes/,
  });
  model.dispose();
});
