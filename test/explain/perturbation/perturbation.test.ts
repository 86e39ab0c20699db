import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import {
  lime,
  limeExplanations,
  occlusion,
  type Predictor,
  rise,
  superpixels,
} from '../../../src/explain/perturbation/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';

test.before(startTestEngine);

/** Scores of an image [n, H, W, c] computed from its values on the host. */
function predictor(scores: (image: Float32Array) => number[]): Predictor & { seen: Float32Array[] } {
  const seen: Float32Array[] = [];
  return {
    seen,
    predict(inputs) {
      const images = inputs as tf.Tensor;
      const [count, ...shape] = images.shape as [number, ...number[]];
      const size = tf.util.sizeFromShape(shape);
      const values = images.dataSync() as Float32Array;
      const rows = Array.from({ length: count }, (_, i) => values.slice(i * size, (i + 1) * size));
      seen.push(...rows);
      return tf.tensor2d(rows.map(scores));
    },
  };
}

test.serial(
  'what a patch costs is shared by the pixels under it, the last patch lies flush with the edge',
  async (t) => {
    // The score is a weighted sum of 5 pixels, so covering one costs its share: patches 0–1, 2–3, 3–4.
    const model = predictor(([a, b, c, d, e]) => [a! + 10 * b! + 100 * c! + 1000 * d! + 10000 * e!]);
    const images = tf.ones<tf.Rank.R4>([1, 1, 5, 1]);
    const map = await occlusion(model, images, [{ sample: 0, class: 0 }], {
      patch: [1, 2],
      stride: [1, 2],
      fill: 0,
      batchSize: 3,
    });
    t.deepEqual([...map.dataSync()], [11, 11, 1100, (1100 + 11000) / 2, 11000]);
  },
);

test.serial('occlusion of a volume covers boxes', async (t) => {
  const model = predictor((image) => [image[0]!, image[7]!]);
  const images = tf.ones([1, 2, 2, 2, 1]);
  const map = await occlusion(model, images, [{ sample: 0, class: 1 }], { patch: 1, fill: 0 });
  t.deepEqual(map.shape, [1, 2, 2, 2]);
  t.deepEqual([...map.dataSync()], [0, 0, 0, 0, 0, 0, 0, 1]);
});

test.serial('RISE is the mean of its masks weighted by scores, the same masks for every image', async (t) => {
  const score = (image: Float32Array) => [image[0]! ** 2, image[30]! * image[3]!];
  const model = predictor(score);
  const pairs = [
    { sample: 1, class: 1 },
    { sample: 0, class: 0 },
    { sample: 1, class: 0 },
  ];
  const options = { masks: 20, cells: 3, keep: 0.4, seed: 5, batchSize: 8 };
  const images = tf.tidy(() => tf.concat([tf.fill([1, 6, 7, 1], 2), tf.ones([1, 6, 7, 1])]));
  const before = tf.memory().numTensors;
  const maps = await rise(model, images, pairs, options);
  t.is(tf.memory().numTensors, before + 1);
  t.deepEqual(maps.shape, [3, 6, 7]);

  // Sample 1 comes first and is all ones: what the model was shown are the masks. 20 are 2.5 batches of 8.
  const masks = model.seen.slice(0, 20);
  const doubled = model.seen.slice(24, 44);
  t.deepEqual(
    doubled.map((copy) => [...copy]),
    masks.map((mask) => [...mask.map((value) => 2 * value)]),
  );
  const expected = pairs.flatMap(({ sample, class: column }) =>
    Array.from({ length: 42 }, (_, i) => {
      const shown = sample === 1 ? masks : doubled;
      return shown.reduce((sum, copy, m) => sum + score(copy)[column]! * masks[m]![i]!, 0) / (20 * 0.4);
    }),
  );
  const found = maps.dataSync();
  t.true(expected.every((value, i) => Math.abs(value - found[i]!) < 1e-5 * Math.max(...expected)));

  const centered = await rise(model, images, pairs.slice(0, 1), { ...options, center: true });
  const scores = masks.map((mask) => score(mask)[1]!);
  const meanScore = scores.reduce((sum, value) => sum + value, 0) / 20;
  const ofCentered = Array.from(
    { length: 42 },
    (_, i) => masks.reduce((sum, mask, m) => sum + (scores[m]! - meanScore) * mask[i]!, 0) / (20 * 0.4),
  );
  const foundCentered = centered.dataSync();
  t.true(ofCentered.every((value, i) => Math.abs(value - foundCentered[i]!) < 1e-6));

  const mean = masks.flatMap((mask) => [...mask]).reduce((sum, value) => sum + value, 0) / (20 * 42);
  t.true(Math.abs(mean - 0.4) < 0.1, `a share of ${mean} stays`);
  const again = await rise(model, images, pairs, { ...options, batchSize: 3 });
  t.true(again.dataSync().every((value, i) => Math.abs(value - found[i]!) < 1e-6));
  const other = await rise(model, images, pairs, { ...options, seed: 6 });
  t.notDeepEqual([...other.dataSync()], [...found]);
});

/** Four stripes of two columns each. */
const stripes = (image: Float32Array, _height: number, width: number) =>
  Int32Array.from({ length: image.length / 3 }, (_, i) => Math.trunc(((i % width) * 4) / width));

test.serial('LIME finds the coefficients of a score that is linear in the superpixels', async (t) => {
  // Class 1: 5 [stripe 1 shown] − 2 [stripe 3 shown] + 0.5. The first pixel of a stripe says whether it is shown.
  const model = predictor((image) => [0, 0.5 + 5 * image[2 * 3]! - 2 * image[6 * 3]!]);
  const images = tf.ones<tf.Rank.R4>([1, 4, 8, 3]);
  const [one] = await limeExplanations(model, images, [{ sample: 0, class: 1 }], {
    segment: stripes,
    fill: 0,
    features: 2,
    ridge: 0,
    samples: 40,
  });
  t.deepEqual([...one!.selected], [1, 3]);
  [0, 5, 0, -2].forEach((value, j) => {
    t.true(Math.abs(one!.coefficients[j]! - value) < 1e-5);
  });
  t.true(Math.abs(one!.intercept - 0.5) < 1e-5);
  t.true(Math.abs(one!.r2 - 1) < 1e-6);
  t.is(one!.score, 3.5);
  t.true(Math.abs(one!.fitted - 3.5) < 1e-5);

  const map = await lime(model, images, [{ sample: 0, class: 1 }], {
    segment: stripes,
    fill: 0,
    features: 1,
    ridge: 0,
    samples: 40,
  });
  t.deepEqual(map.shape, [1, 4, 8]);
  const row = [...map.dataSync().slice(0, 8)];
  t.true(row[2]! > 4 && row[2] === row[3]);
  t.deepEqual(
    [0, 1, 4, 5, 6, 7].map((x) => row[x]),
    [0, 0, 0, 0, 0, 0],
  );
});

test.serial('a hidden superpixel takes its own mean colour', async (t) => {
  const values = Float32Array.from({ length: 4 * 8 * 3 }, (_, i) => (i % 7) / 7);
  const model = predictor(() => [1]);
  const images = tf.tensor4d(values, [1, 4, 8, 3]);
  await limeExplanations(model, images, [{ sample: 0, class: 0 }], { segment: stripes, samples: 16 });
  t.deepEqual([...model.seen[0]!], [...values], 'the first copy is the image');
  const means = [0, 1, 2, 3].map((stripe) =>
    [0, 1, 2].map((channel) => {
      let sum = 0;
      for (let y = 0; y < 4; y++) {
        for (let x = 2 * stripe; x < 2 * stripe + 2; x++) sum += values[(y * 8 + x) * 3 + channel]!;
      }
      return sum / 8;
    }),
  );
  let hidden = 0;
  for (const copy of model.seen) {
    for (let at = 0; at < 32; at++) {
      const shown = [...copy.slice(3 * at, 3 * at + 3)];
      const own = [...values.slice(3 * at, 3 * at + 3)];
      const mean = means[Math.trunc((at % 8) / 2)]!;
      const isMean = mean.every((value, c) => Math.abs(value - shown[c]!) < 1e-6);
      if (isMean) hidden++;
      else t.deepEqual(shown, own);
    }
  }
  t.true(hidden > 16 * 32 * 0.3 && hidden < 16 * 32 * 0.7, `${hidden} pixels are hidden`);
});

test.serial(
  'superpixels do not depend on the scale of the image, and are connected labels without gaps',
  (t) => {
    const image = Float32Array.from({ length: 20 * 20 * 3 }, (_, i) => (Math.trunc(i / 3) % 20 < 10 ? 0 : 1));
    const labels = superpixels(image, 20, 20, { segments: 4 });
    t.deepEqual(
      [
        ...superpixels(
          image.map((value) => 2 * value - 1),
          20,
          20,
          { segments: 4 },
        ),
      ],
      [...labels],
    );
    const known = new Set(labels);
    t.deepEqual(
      [...known].sort((a, b) => a - b),
      [...known.keys()].map((_, i) => i),
    );
    const left = new Set([...labels].filter((_, i) => i % 20 < 10));
    const right = new Set([...labels].filter((_, i) => i % 20 >= 10));
    t.deepEqual(
      [...left].filter((label) => right.has(label)),
      [],
      'no superpixel crosses the edge',
    );
  },
);

test.serial(
  'a layers-model is explained by its output, its logit, or a function of its outputs',
  async (t) => {
    const images = tf.ones<tf.Rank.R4>([1, 1, 2, 1]);
    const model = tfl.sequential({
      layers: [
        tfl.layers.flatten({ inputShape: [1, 2, 1] }),
        tfl.layers.dense({ units: 2, useBias: false, name: 'inner' }),
        tfl.layers.softmax(),
      ],
    });
    model.layers[1]!.setWeights([tf.tensor2d([1, 0, 0, 2], [2, 2])]);
    const pairs = [{ sample: 0, class: 1 }];
    const options = { patch: 1, stride: 1, fill: 0 };
    const softmax = (a: number, b: number) => Math.exp(b) / (Math.exp(a) + Math.exp(b));
    const close = (found: tf.Tensor, expected: number[]) =>
      found.dataSync().every((value, i) => Math.abs(value - expected[i]!) < 1e-6);
    const live = tf.memory().numTensors;
    const whole = softmax(1, 2);
    const byOutput = await occlusion(model, images, pairs, options);
    t.true(close(byOutput, [whole - softmax(0, 2), whole - softmax(1, 0)]));
    t.true(close(await occlusion(model, images, pairs, { ...options, target: 'logit' }), [0, 2]));
    const target = (scores: tf.Tensor) => tf.sum(tf.mul(scores, 3), 1);
    t.true(close(await occlusion(model, images, pairs, { ...options, target }), [0, 0]));
    const inner = { layer: 'inner' };
    t.true(close(await occlusion(model, images, pairs, { ...options, target: inner }), [0, 2]));
    t.is(tf.memory().numTensors, live + 4);
  },
);

test.serial('of several inputs one is perturbed, the others stay', async (t) => {
  const inputs = [tfl.input({ shape: [1, 2, 1] }), tfl.input({ shape: [2] })];
  const flat = tfl.layers.flatten().apply(inputs[0]!) as tfl.SymbolicTensor;
  const outputs = tfl.layers.multiply().apply([flat, inputs[1]!]) as tfl.SymbolicTensor;
  const model = tfl.model({ inputs, outputs });
  const map = await occlusion(
    model,
    [
      tf.ones([2, 1, 2, 1]),
      tf.tensor2d([
        [1, 2],
        [3, 4],
      ]),
    ],
    [{ sample: 1, class: 0 }],
    { patch: 1, fill: 0 },
  );
  t.deepEqual([...map.dataSync()], [3, 0]);
});

test.serial('long work tells how far it is, and ends when it is told to', async (t) => {
  const model = predictor(() => [1]);
  const images = tf.ones<tf.Rank.R4>([2, 4, 4, 1]);
  const pairs = [0, 1].map((sample) => ({ sample, class: 0 }));
  const told: string[] = [];
  await rise(model, images, pairs, {
    masks: 10,
    batchSize: 4,
    onProgress: (done, all) => told.push(`${done}/${all}`),
  });
  t.deepEqual(told, ['4/20', '8/20', '10/20', '14/20', '18/20', '20/20']);

  const interrupt = new AbortController();
  const before = tf.memory().numTensors;
  const error = await t.throwsAsync(
    rise(model, images, pairs, {
      masks: 10,
      batchSize: 4,
      signal: interrupt.signal,
      onProgress: () => interrupt.abort(new Error('enough')),
    }),
  );
  t.is(error.message, 'enough');
  t.is(tf.memory().numTensors, before);
});

test.serial('what does not fit is said', async (t) => {
  const model = predictor(() => [1, 2]);
  const images = tf.ones<tf.Rank.R4>([2, 4, 4, 1]);
  const pairs = [{ sample: 0, class: 0 }];
  const message = async (promise: Promise<unknown>) => (await t.throwsAsync(promise)).message;
  t.regex(
    await message(rise(model, images, [{ sample: 2, class: 0 }])),
    /pair 0 .*from 0 to 1, the batch holds 2/,
  );
  t.regex(
    await message(rise(model, images, [{ sample: 0, class: 2 }])),
    /class must be .*from 0 to 1, the model scores 2/,
  );
  t.regex(
    await message(rise(model, tf.ones([4, 4, 1]), pairs)),
    /expected \[B, H, W, c\], received \[4, 4, 1\]/,
  );
  t.regex(
    await message(rise(model, images, pairs, { keep: 1 })),
    /keep: expected a number between 0 and 1, received 1/,
  );
  t.regex(
    await message(rise(model, images, pairs, { fill: [0, 1] })),
    /fill: .*each of 1 channels, received 2/,
  );
  t.regex(await message(rise(model, images, pairs, { target: 'logit' })), /are those of a layers-model/);
  t.regex(await message(rise(model, images, pairs, { output: 1 })), /no output 1; the outputs are 0/);
  t.regex(await message(occlusion(model, images, pairs, { patch: 5 })), /patch: .*from 1 to 4, received 5/);
  t.regex(
    await message(occlusion(model, images, pairs, { patch: 2, stride: 3 })),
    /stride: .*from 1 to 2, received 3/,
  );
  t.regex(
    await message(occlusion(model, images, pairs, { patch: [1] })),
    /patch: .*each of 2 axes, received 1/,
  );
  t.regex(
    await message(lime(model, images, pairs, { segment: () => new Int32Array(16) })),
    /at least two, received 1 labels/,
  );
  t.regex(await message(lime(model, images, pairs, { features: 0 })), /features: .*at least 1, received 0/);
  const odd: Predictor = { predict: () => tf.ones([3, 2]) };
  t.regex(
    await message(rise(odd, images, pairs)),
    /expected scores \[16\] or \[16, classes\], found \[3, 2\]/,
  );
});
