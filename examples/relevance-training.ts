/**
 * What: is layer-wise relevance safe to be trained on? ISNet's loss on watermarked discs, for several ε of the rules: how large
 *   the gradient of the term becomes, whether anything is not finite, and whether the network learns to look at the disc.
 * Run: npx tsx examples/relevance-training.ts [steps] [seeds]
 * Expect: a few minutes; docs/results.md has what came out.
 *
 * In a project of your own, import from 'tfjs-gain'.
 */
import * as tf from '@tensorflow/tfjs-core';
import { buildModel, forward, GainTrainer, guidanceTerms, startEngine } from '../src/index.ts';
import { drawDiscs, size } from './watermarked-discs.ts';

const [steps = 120, seeds = 3] = process.argv.slice(2).map(Number);
console.error((await startEngine()).reason);

const batchOf = (discs: ReturnType<typeof drawDiscs>) => ({
  images: tf.stack(discs.map(({ image }) => tf.tensor3d(image, [size, size, 3]))) as tf.Tensor4D,
  labels: discs.map(({ upright }) => Number(upright)),
  masks: tf.stack(discs.map(({ mask }) => tf.tensor2d(mask, [size, size]))) as tf.Tensor3D,
  maskPairs: discs.map(({ upright }, sample) => ({ sample, class: Number(upright) })),
});

const settings = [
  { name: 'plain', epsilon: undefined },
  ...[1e-2, 1e-4, 1e-6].map((epsilon) => ({ name: `isnet, ε ${epsilon}`, epsilon })),
];
for (const { name, epsilon } of settings) {
  for (let seed = 1; seed <= seeds; seed++) {
    const model = buildModel('small-cnn', {
      inputShape: [size, size, 3],
      classes: 2,
      seed,
      widths: [8, 16, 16],
    });
    const terms = epsilon === undefined ? [] : guidanceTerms({ isnet: { weight: 1, epsilon } });
    const trainer = new GainTrainer(model, {
      link: 'softmax',
      weights: { mining: 0, supervision: 0 },
      terms,
      optimizer: { name: 'adam', learningRate: 3e-3 },
      clipNorm: 1,
      seed,
    });
    const norms: number[] = [];
    let failed = '';
    for (let step = 0; step < steps && !failed; step++) {
      const batch = batchOf(drawDiscs(16, 'on upright', 1000 * seed + step));
      try {
        const report = trainer.trainOnBatch(batch, {
          epoch: step / steps,
          epochs: 1,
          batchLength: 1 / steps,
        });
        norms.push(Math.hypot(...report.gradientNorms));
      } catch (error) {
        failed = (error as Error).message;
      }
      tf.dispose([batch.images, batch.masks]);
    }
    const accuracy = (watermark: 'on upright' | 'on others') => {
      const discs = drawDiscs(200, watermark, 7);
      const { images, labels, masks } = batchOf(discs);
      const best = tf.tidy(() => Array.from(tf.argMax(forward(model, images), 1).dataSync()));
      tf.dispose([images, masks]);
      return labels.filter((label, i) => label === best[i]).length / labels.length;
    };
    norms.sort((a, b) => a - b);
    const at = (share: number) =>
      norms[Math.min(norms.length - 1, Math.floor(share * norms.length))] ?? Number.NaN;
    console.log(
      `${name}, seed ${seed}: accuracy ${accuracy('on upright').toFixed(2)} as trained, ` +
        `${accuracy('on others').toFixed(2)} with the watermark on the others; gradient norm median ` +
        `${at(0.5).toPrecision(3)}, 95 % ${at(0.95).toPrecision(3)}, largest ${at(1).toPrecision(3)}` +
        `${failed ? `; ended at step ${norms.length}: ${failed}` : ''}`,
    );
    model.dispose();
  }
}
