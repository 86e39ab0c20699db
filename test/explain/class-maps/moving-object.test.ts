import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import test from 'ava';
import { attentionMaps } from '../../../src/gradcam/index.ts';
import { randomFor } from '../../../src/random/index.ts';
import { startTestEngine } from '../../gradcam/engine.ts';

test.before(startTestEngine);

const [frames, height, width] = [4, 8, 8];

interface Clip {
  pixels: Float32Array;
  /** 0 a lying bar, 1 a standing one. */
  label: number;
  /** Its middle in each frame, [row, column]. */
  places: [number, number][];
}

/** A bar of three pixels moves through noise, a pixel per frame. */
function clip(...key: (number | string)[]): Clip {
  const random = randomFor('clip', ...key);
  const pixels = Float32Array.from({ length: frames * height * width }, () => random.uniform(0, 0.2));
  const label = random.integer(2);
  const [dy, dx] = random.pick([
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const);
  // Far enough from the border for the bar and its way.
  const [y, x] = [dy, dx].map((step) => 1 + (step < 0 ? 3 : 0) + random.integer(step === 0 ? 6 : 3));
  const places = Array.from({ length: frames }, (_, t): [number, number] => [y! + t * dy, x! + t * dx]);
  for (const [t, [row, column]] of places.entries()) {
    for (const along of [-1, 0, 1]) {
      const at = label === 0 ? row * width + column + along : (row + along) * width + column;
      pixels[t * height * width + at] = 1;
    }
  }
  return { pixels, label, places };
}

function batch(clips: Clip[]): tf.Tensor5D {
  const pixels = clips.flatMap((one) => Array.from(one.pixels));
  return tf.tensor5d(pixels, [clips.length, frames, height, width, 1]);
}

function network(): tfl.Sequential {
  const weights = (seed: number) => tfl.initializers.heNormal({ seed });
  const conv = { activation: 'relu', padding: 'same' } as const;
  return tfl.sequential({
    layers: [
      tfl.layers.conv3d({
        ...conv,
        name: 'bars',
        inputShape: [frames, height, width, 1],
        filters: 6,
        kernelSize: [1, 3, 3],
        kernelInitializer: weights(1),
      }),
      tfl.layers.conv3d({
        ...conv,
        name: 'motion',
        filters: 6,
        kernelSize: [3, 1, 1],
        kernelInitializer: weights(2),
      }),
      tfl.layers.maxPooling3d({ poolSize: [2, 2, 2] }),
      tfl.layers.flatten(),
      tfl.layers.dense({ units: 2, kernelInitializer: weights(3) }),
    ],
  });
}

test('a conv3d network of moving bars: the Grad-CAM++ map follows the bar from frame to frame', (t) => {
  const model = network();
  const optimizer = tf.train.adam(0.02);
  for (let step = 0; step < 40; step++) {
    tf.tidy(() => {
      const clips = Array.from({ length: 16 }, (_, i) => clip('train', step, i));
      const labels = clips.map(({ label }) => (label === 0 ? [1, 0] : [0, 1]));
      const images = batch(clips);
      optimizer.minimize(
        () =>
          tf.losses.softmaxCrossEntropy(tf.tensor2d(labels), model.apply(images) as tf.Tensor2D) as tf.Scalar,
      );
    });
  }
  const clips = Array.from({ length: 24 }, (_, i) => clip('test', i));
  const pairs = clips.map(({ label }, sample) => ({ sample, class: label }));
  const { maps, logits } = attentionMaps<tf.Tensor4D>(model, batch(clips), pairs, {
    method: 'grad-cam++',
    targetLayer: 'bars',
  });
  t.deepEqual(maps.shape, [24, frames, height, width]);
  const right = logits
    .argMax(1)
    .dataSync()
    .filter((label, i) => label === clips[i]!.label).length;
  t.true(right >= 22, `${right} of 24 clips are recognised`);

  // Pointing game: the highest place of each frame's map lies on the bar, give or take a pixel.
  const values = maps.dataSync();
  let [hits, still] = [0, 0];
  for (const [i, { places, label }] of clips.entries()) {
    for (const [frame, [row, column]] of places.entries()) {
      const onBar = (y: number, x: number) => {
        const [dy, dx] = [Math.abs(y - row), Math.abs(x - column)];
        return label === 0 ? dx <= 2 && dy <= 1 : dx <= 1 && dy <= 2;
      };
      const start = (i * frames + frame) * height * width;
      const map = Array.from(values.subarray(start, start + height * width));
      const top = map.indexOf(Math.max(...map));
      if (map[top]! > 0 && onBar(Math.floor(top / width), top % width)) hits++;
      if (onBar(height / 2, width / 2)) still++;
    }
  }
  const all = clips.length * frames;
  t.log(
    `pointing game: ${hits} of ${all} frames, the middle of the image ${still}; ${right} of 24 clips right`,
  );
  t.true(hits >= 0.9 * all);
  t.true(still < 0.5 * all, 'a point that stands still does not follow');
});
