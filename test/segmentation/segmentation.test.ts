import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs-core';
import test, { type ExecutionContext } from 'ava';
import sharp from 'sharp';
import { DatasetWriter, openDataset, type PredictedMask } from '../../src/data/index.ts';
import { startEngine } from '../../src/engine/index.ts';
import { DataError, UsageError } from '../../src/errors/index.ts';
import { lastLayersBySize, layerOutputs } from '../../src/gradcam/index.ts';
import { buildModel } from '../../src/models/index.ts';
import {
  exportMasks,
  fitPixelClassifier,
  intersectionOverUnion,
  largestBlobs,
  segmentDataset,
  takeCorrections,
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

      if (mark === 'masks') {
        const out = join(data.dir, 'exported');
        t.deepEqual(await exportMasks(again, data, out), { masks: 12 });
        const coco = JSON.parse(await readFile(join(out, 'predicted.coco.json'), 'utf8'));
        const [first] = coco.annotations;
        t.true(first.predicted);
        const mask = again.masks.get(coco.images[first.image_id - 1].source)!;
        const area = mask.classes.filter((value) => value === first.category_id).length;
        t.is(first.area, area);
        t.is(
          first.segmentation.counts
            .filter((_: number, i: number) => i % 2)
            .reduce((a: number, b: number) => a + b),
          area,
        );

        // A person paints over one of them.
        const file = join(out, coco.images[0].file_name);
        const painted = new Uint8Array(pixels).fill(2, 0, 32);
        await sharp(painted, { raw: { width: size, height: size, channels: 1 } })
          .png()
          .toFile(file);
        t.is(await takeCorrections(again, out), 1);
        const after = await segmentDataset(model, data, options);
        t.deepEqual(after.masks.get(coco.images[0].source)!.classes, painted);
        t.deepEqual([...after.masks.get(coco.images[0].source)!.confidence], [[1, 1]]);
        await sharp(painted.fill(9), { raw: { width: size, height: size, channels: 1 } })
          .png()
          .toFile(file);
        await t.throwsAsync(takeCorrections(after, out), {
          instanceOf: DataError,
          message: /value 9 names no class/,
        });
      }
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

test.serial('objects are found from masks that people drew, which stay as they were drawn', async (t) => {
  const data = await openDataset(await squares(t, 'boxes'));
  const truth = await openDataset(await squares(t, 'masks'));
  const model = buildModel('small-cnn', { inputShape: [size, size, 3], classes: 2, seed: 1, widths: [6, 8] });
  const masks = new Map<string, PredictedMask>();
  const whole = new Map<string, Uint8Array>();
  for await (const batch of truth.batches('train', { batchSize: 12, imageSize: [size, size], workers: 0 })) {
    batch.ids.forEach((id, sample) => {
      const classes = new Uint8Array(pixels);
      for (const { sample: of, class: c, mask } of batch.masks) {
        if (of !== sample) continue;
        for (let p = 0; p < pixels; p++) if (mask[p]! > 0) classes[p] = c + 1;
      }
      whole.set(id, classes);
      if (masks.size >= 7) return;
      const present = [...new Set(classes)].filter((value) => value > 0);
      const confidence = new Map(present.map((value) => [value - 1, 1] as const));
      // Of an empty image the person says where there is nothing that may matter.
      const irrelevant = present.length === 0 ? new Uint8Array(pixels).fill(1) : undefined;
      masks.set(id, { id, classes, confidence, irrelevant, drawn: { by: 'ann', at: '2030-01-01' } });
    });
  }
  const info = {
    imageSize: [size, size] as const,
    fit: 'squash' as const,
    classes: ['red', 'white'],
    learnedFrom: 7,
    iou: [null, null],
    segmenter: {},
  };
  const options = {
    seed: 3,
    imageSize: [size, size] as const,
    fit: 'squash' as const,
    // No image of this split may be used: those that were drawn are what there is.
    masks: { split: 'full', count: 0 },
    drawn: { info, masks },
    splits: ['train'],
    steps: 60,
    batch: [4, 0] as const,
    folds: 0,
    workers: 0,
  };
  const predicted = await segmentDataset(model, data, options);
  t.is(predicted.info.learnedFrom, 7);
  t.is(predicted.masks.size, 12);
  const others: number[] = [];
  for (const [id, classes] of whole) {
    const found = predicted.masks.get(id)!;
    const drawn = masks.get(id);
    if (drawn) {
      t.deepEqual([found.classes, found.drawn, found.irrelevant], [classes, drawn.drawn, drawn.irrelevant]);
    } else {
      t.is(found.drawn, undefined);
      others.push(intersectionOverUnion(found.classes, classes));
    }
  }
  t.is(others.length, 5);
  const mean = others.reduce((sum, value) => sum + value) / others.length;
  t.true(mean > 0.5, `mean IoU ${mean}`);

  const [first] = masks.values();
  const changed = new Map(masks).set(first!.id, {
    ...first!,
    classes: new Uint8Array(pixels),
    confidence: new Map(),
  });
  const again = await segmentDataset(model, data, { ...options, steps: 1, drawn: { info, masks: changed } });
  t.not(again.path, predicted.path, 'other masks, another file');
  await t.throwsAsync(
    segmentDataset(model, data, { ...options, drawn: { info: { ...info, imageSize: [8, 8] }, masks } }),
    {
      instanceOf: UsageError,
      message: /they are of images of 8x8 \(squash\), the network takes 16x16 \(squash\)/,
    },
  );
  await t.throwsAsync(segmentDataset(model, data, { ...options, drawn: { info, masks: new Map() } }), {
    instanceOf: UsageError,
    message: /none of the drawn masks is of an image of train/,
  });
  await data.close();
  await truth.close();
  model.dispose();
});
