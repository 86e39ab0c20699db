import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { ModelError, UsageError } from '../../src/errors/index.ts';
import { type Detections, dRise, likeness } from '../../src/explain/index.ts';
import { attentionMaps } from '../../src/gradcam/index.ts';
import { withRegionScores, withSignedValues } from '../../src/models/index.ts';
import { numbers } from '../gain/reference-net.ts';
import { startTestEngine } from '../gradcam/engine.ts';

test.before(startTestEngine);

const reference = JSON.parse(readFileSync(new URL('../fixtures/targets.json', import.meta.url), 'utf8'));
const [size, classes] = [8, 3];

const scaled = (seed: number, shape: number[], scale = 1, shift = 0) =>
  tf.tensor(
    numbers(seed, tf.util.sizeFromShape(shape)).map((value) => value * scale + shift),
    shape,
  );

function close(
  t: import('ava').ExecutionContext,
  actual: ArrayLike<number>,
  expected: readonly number[],
  what: string,
): void {
  t.is(actual.length, expected.length, what);
  const largest = Math.max(...expected.map(Math.abs));
  const off = Math.max(...expected.map((value, i) => Math.abs(value - actual[i]!)));
  t.true(off <= 1e-4 * largest, `${what}: off by ${off} of ${largest}`);
}

function segmenter(): tfl.LayersModel {
  const conv = { kernelSize: 3, padding: 'same' } as const;
  const model = tfl.sequential({
    layers: [
      tfl.layers.conv2d({ ...conv, filters: 4, activation: 'relu', inputShape: [size, size, 3] }),
      tfl.layers.conv2d({ ...conv, filters: 4, activation: 'relu', name: 'target' }),
      tfl.layers.conv2d({ ...conv, filters: classes, activation: 'softmax' }),
    ],
  });
  const scales = [0.8, 0.4, 0.8, 0.4, 0.8, 0.4];
  model.setWeights(model.weights.map(({ shape }, i) => scaled(500 + i, shape as number[], scales[i])));
  return model;
}

test("maps of a segmenter's regions equal PyTorch's", (t) => {
  const images = scaled(77, [2, size, size, 3], 1, 0.5);
  const pairs = [0, 1].flatMap((sample) => [0, 1, 2].map((c) => ({ sample, class: c })));
  const regions = {
    predicted: 'predicted',
    all: 'all',
    box: { xmin: 0, ymin: 0.25, xmax: 0.5, ymax: 0.75 },
  } as const;
  for (const [name, region] of Object.entries(regions)) {
    const model = withRegionScores(segmenter(), region);
    const [sums, share, chance] = model.predict(images) as tf.Tensor[];
    close(t, sums!.dataSync(), reference.segmenter[name].sums, `${name}, sums`);
    close(t, chance!.dataSync(), reference.segmenter[name].chance, `${name}, chances`);
    if (name !== 'box') close(t, share!.dataSync(), reference.segmenter.called, `${name}, shares`);
    for (const method of ['grad-cam', 'grad-cam++'] as const) {
      const { maps } = attentionMaps(model, images, pairs, { method, targetLayer: 'target' });
      close(t, maps.dataSync(), reference.segmenter[name].maps[method], `${name}, ${method}`);
    }
  }
});

test("maps of what raises and lowers a number equal PyTorch's", (t) => {
  const plain = tfl.sequential({
    layers: [
      tfl.layers.conv2d({
        filters: 4,
        kernelSize: 3,
        padding: 'same',
        activation: 'relu',
        inputShape: [size, size, 3],
        name: 'target',
      }),
      tfl.layers.globalAveragePooling2d({}),
      tfl.layers.dense({ units: 2 }),
    ],
  });
  plain.setWeights([
    scaled(601, [3, 3, 3, 4], 0.9),
    scaled(602, [4], 0.4),
    scaled(603, [4, 2], 2),
    scaled(604, [2]),
  ]);
  const model = withSignedValues(plain);
  const images = scaled(78, [2, size, size, 3], 1, 0.5);
  const pairs = [0, 1].flatMap((sample) => [0, 1, 2, 3].map((c) => ({ sample, class: c })));
  const { maps, logits } = attentionMaps(model, images, pairs, { targetLayer: 'target' });
  const values = reference.regression.values as number[];
  close(
    t,
    logits.dataSync(),
    values.flatMap((value) => [value, -value]),
    'values',
  );
  close(t, maps.dataSync(), reference.regression.maps, 'maps');
});

/** The proposals of `detections()` in the reference. */
function proposals(): Required<Detections> {
  const corners = tf.add(tf.mul(scaled(701, [2, 5, 2]), 6), 4);
  const sides = tf.add(tf.mul(scaled(702, [2, 5, 2], 1, 0.5), 4), 1);
  return {
    boxes: tf.concat([corners, tf.add(corners, sides)], 2) as tf.Tensor3D,
    scores: scaled(703, [2, 5, classes], 1, 0.5) as tf.Tensor3D,
    objectness: scaled(704, [2, 5], 1, 0.5) as tf.Tensor2D,
  };
}

test.serial('how alike proposals are to a detection: IoU, classes, objectness', (t) => {
  const targets = [
    { box: [3, 2, 7, 6], classes: [0.2, 0.7, 0.1] },
    { box: [5, 5, 8, 9], classes: 2 },
  ] as const;
  close(t, likeness(proposals(), targets).dataSync(), reference.detections.likeness, 'likeness');
  const { boxes, scores } = proposals();
  t.throws(() => likeness({ boxes, scores: tf.slice(scores, 0, 1) }, targets), {
    instanceOf: ModelError,
    message:
      /^detector: expected boxes \[B,N,4\], scores \[B,N,C\] and objectness \[B,N\], received \[2,5,4\]/,
  });
  t.throws(() => likeness({ boxes, scores }, [{ box: [0, 0, 1, 1], classes: 3 }]), {
    instanceOf: UsageError,
    message: 'targets.0.classes: the detector has 3 classes, received class 3',
  });
});

test.serial('D-RISE: the mean of the masks, weighted by the likest proposal', async (t) => {
  // An image of ones: its copies are the masks.
  const images = tf.ones<tf.Rank.R4>([1, 12, 12, 1]);
  const seen: Float32Array[] = [];
  /** Two proposals that stay where they are; the first is as sure as its quarter is seen, the second always a little. */
  const detect = (copies: tf.Tensor4D): Detections => {
    const values = copies.dataSync();
    for (let i = 0; i < copies.shape[0]; i++) seen.push(values.slice(i * 144, (i + 1) * 144) as Float32Array);
    const quarter = tf.mean(tf.slice(copies, [0, 0, 0, 0], [-1, 6, 6, -1]), [1, 2, 3]);
    const some = tf.fill(quarter.shape, 0.1);
    return {
      boxes: tf.tile(
        tf.tensor3d([
          [
            [0, 0, 6, 6],
            [6, 6, 12, 12],
          ],
        ]),
        [copies.shape[0], 1, 1],
      ),
      scores: tf.ones([copies.shape[0], 2, 1]),
      objectness: tf.stack([quarter, some], 1) as tf.Tensor2D,
    };
  };
  const targets = [
    { sample: 0, box: [0, 0, 6, 6], classes: 0 },
    { sample: 0, box: [6, 6, 12, 12], classes: 0 },
  ] as const;
  const masks = 64;
  const before = tf.memory().numTensors;
  const maps = await dRise(detect, images, targets, { masks, cells: 4, batchSize: 16 });
  t.is(tf.memory().numTensors, before + 1);
  t.deepEqual(maps.shape, [2, 12, 12]);
  t.is(seen.length, masks);
  const expected = new Float32Array(288);
  for (const mask of seen) {
    let sum = 0;
    for (let y = 0; y < 6; y++) for (let x = 0; x < 6; x++) sum += mask[y * 12 + x]!;
    for (let i = 0; i < 144; i++) {
      expected[i]! += ((sum / 36) * mask[i]!) / (masks * 0.5);
      expected[144 + i]! += (0.1 * mask[i]!) / (masks * 0.5);
    }
  }
  close(t, maps.dataSync(), [...expected], 'maps');
  // The quarter that the first depends on lights up, and more than anywhere else.
  const first = maps.dataSync().subarray(0, 144);
  const mean = (rows: number, columns: number) => {
    let sum = 0;
    for (let y = 0; y < 6; y++) for (let x = 0; x < 6; x++) sum += first[(rows + y) * 12 + columns + x]!;
    return sum / 36;
  };
  t.true(mean(0, 0) > Math.max(mean(0, 6), mean(6, 0), mean(6, 6)));
  await t.throwsAsync(dRise(detect, images, [{ ...targets[0], sample: 1 }]), {
    instanceOf: UsageError,
    message: 'targets.0.sample: expected a row from 0 to 0, received 1',
  });
  await t.throwsAsync(dRise(detect, images, [{ ...targets[0], box: [6, 0, 6, 1] }]), {
    message: /^targets.0.box: expected xmin < xmax and ymin < ymax/,
  });
});
