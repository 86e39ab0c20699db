/**
 * What: a network that answers a number, trained with an error of numbers in place of the classification loss, without and
 *   with masks for its maps, and explained. The number is the radius of a disc, in pixels; a tile in the corner, which has
 *   nothing to do with it, is there in half of the images.
 * Run: npx tsx examples/regression.ts [steps] [seeds]
 * Expect: a minute; docs/results.md has what came out. The mean absolute error is beside that of the constant answer
 *   (the mean of the training), R² is 0 for it; the energy of the maps on the disc beside the disc's share of the image.
 *
 * In a project of your own, import from 'tfjs-gain', and `tf` from '@tensorflow/tfjs'.
 */
import * as tf from '@tensorflow/tfjs-core';
import {
  attentionMaps,
  buildModel,
  energyInMask,
  forward,
  GainTrainer,
  startEngine,
  upsampleMaps,
  withSignedValues,
} from '../src/index.ts';
import { drawDiscs, size } from './watermarked-discs.ts';

const [steps = 200, seeds = 3] = process.argv.slice(2).map(Number);
console.error((await startEngine()).reason);

/** A disc's radius by the pixels of its mask. */
const radiusOf = (mask: Float32Array) => Math.sqrt(mask.reduce((sum, on) => sum + on, 0) / Math.PI);

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

const train = drawDiscs(320, 'on upright', 1);
const test = drawDiscs(200, 'on upright', 2);
const truth = test.map(({ mask }) => radiusOf(mask));
/** The best answer that does not look. */
const constant = mean(train.map(({ mask }) => radiusOf(mask)));

const imagesOf = (discs: typeof train) =>
  tf.stack(discs.map(({ image }) => tf.tensor3d(image, [size, size, 3]))) as tf.Tensor4D;

/** Mean absolute error and R² = 1 − Σ (y − ŷ)² / Σ (y − ȳ)². */
function errors(answers: ArrayLike<number>): string {
  const centre = mean(truth);
  const off = truth.map((y, i) => y - answers[i]!);
  const r2 = 1 - mean(off.map((e) => e * e)) / mean(truth.map((y) => (y - centre) ** 2));
  return `error ${mean(off.map(Math.abs)).toFixed(3)} pixels, R² ${r2.toFixed(3)}`;
}

console.log(`constant answer: ${errors(truth.map(() => constant))}`);
console.log(`constant map: on the disc ${mean(test.map(({ mask }) => mean([...mask]))).toFixed(3)}`);
for (const [name, supervision] of [
  ['plain', 0],
  ['guided', 1],
] as const) {
  for (let seed = 1; seed <= seeds; seed++) {
    const model = buildModel('small-cnn', {
      inputShape: [size, size, 3],
      classes: 1,
      seed,
      widths: [8, 16, 16],
    });
    const trainer = new GainTrainer(model, {
      // The labels are the numbers; nothing reads them as classes but the maps, one for each image.
      link: 'sigmoid',
      weights: { classification: 0, mining: 0, supervision },
      terms: [
        {
          name: 'squared-error',
          weight: 1,
          loss: ({ logits, multiHot }) => tf.mean(tf.squaredDifference(logits, multiHot)) as tf.Scalar,
        },
      ],
      optimizer: { name: 'adam', learningRate: 5e-3 },
      groups: 1,
      seed,
    });
    for (let step = 0; step < steps; step++) {
      const discs = Array.from({ length: 16 }, (_, i) => train[(step * 16 + i) % train.length]!);
      const batch = {
        images: imagesOf(discs),
        labels: tf.tensor2d(discs.map(({ mask }) => [radiusOf(mask)])),
        masks: tf.stack(discs.map(({ mask }) => tf.tensor2d(mask, [size, size]))) as tf.Tensor3D,
        maskPairs: discs.map((_, sample) => ({ sample, class: 0 })),
      };
      trainer.trainOnBatch(batch, { epoch: step / steps, epochs: 1, batchLength: 1 / steps });
      tf.dispose([batch.images, batch.labels, batch.masks]);
    }
    // What raises the number is column 0, what lowers it column 1.
    const signed = withSignedValues(model);
    const [answers, raising] = tf.tidy(() => {
      const images = imagesOf(test);
      const pairs = test.map((_, sample) => ({ sample, class: 0 }));
      const maps = upsampleMaps(attentionMaps(signed, images, pairs).maps, [size, size]).dataSync();
      const energies = test.map(({ mask }, i) =>
        energyInMask(maps.slice(i * mask.length, (i + 1) * mask.length), mask),
      );
      return [Array.from(forward(model, images).dataSync()), energies] as const;
    });
    console.log(`${name}, seed ${seed}: ${errors(answers)}, on the disc ${mean(raising).toFixed(3)}`);
    trainer.dispose();
    model.dispose();
  }
}
