/**
 * What: a guided loss of your own, made of the parts, and trained with an optimizer of tfjs.
 *   It adds to the classification the share of the map's energy that lies off the object,
 *
 *       L = L_cl + λ (1 − Σ A ⊙ H / Σ A),
 *
 *   the "energy loss" of Rao et al., "Studying How to Efficiently and Effectively Guide Models with Explanations"
 *   (ICCV 2023), here with the map of Grad-CAM++ and its weights differentiated.
 * Run: npx tsx examples/custom-loss.ts
 * Expect: a few seconds; the energy off the object falls from step to step while the network learns its task.
 *
 * In a project of your own, import from 'tfjs-gain' and its entries ('tfjs-gain/pictures'), and `tf` from '@tensorflow/tfjs'.
 */
import * as tf from '@tensorflow/tfjs-core';
import { attentionMaps, buildModel, sigmoidCrossEntropy, startEngine, upsampleMaps } from '../src/index.ts';
import { drawDiscs, size } from './watermarked-discs.ts';

console.log((await startEngine()).reason);

const lambda = 1;
const discs = drawDiscs(32, 'on upright', 1);
const images = tf.stack(discs.map(({ image }) => tf.tensor3d(image, [size, size, 3])));
const labels = tf.tensor2d(discs.map(({ upright }) => [Number(upright)]));

// One map for every image that shows the class, and the mask of its object.
const shown = discs.flatMap(({ upright }, sample) => (upright ? [{ sample, class: 0 }] : []));
const masks = tf.stack(shown.map(({ sample }) => tf.tensor2d(discs[sample]!.mask, [size, size])));

const model = buildModel('small-cnn', {
  inputShape: [size, size, 3],
  classes: 1,
  seed: 1,
  widths: [8, 16, 16],
});
const optimizer = tf.train.adam(3e-3);
const variables = model.trainableWeights.map((weight) => weight.read() as tf.Variable);

/** Mean over the maps of 1 − Σ A ⊙ H / Σ A; a map without any energy counts as 1, without a gradient. */
function energyOffObject(maps: tf.Tensor3D): tf.Scalar {
  const attention = upsampleMaps(maps, [size, size]);
  const inside = tf.sum(tf.mul(attention, masks), [1, 2]);
  const all = tf.sum(attention, [1, 2]);
  return tf.mean(tf.sub(1, tf.div(inside, tf.add(all, 1e-6))));
}

/** One forward pass gives both: the logits for the first term, the maps for the second. */
function terms() {
  const { logits, maps } = attentionMaps(model, images, shown, {
    method: 'grad-cam++',
    training: true,
    groups: 1,
  });
  return { classification: sigmoidCrossEntropy(logits, labels), energy: energyOffObject(maps) };
}

for (let step = 0; step <= 40; step++) {
  if (step % 10 === 0) {
    const [classification, energy] = tf.tidy(() => {
      const now = terms();
      return [now.classification.dataSync()[0]!, now.energy.dataSync()[0]!];
    });
    console.log(
      `step ${step}: classification ${classification.toFixed(3)}, energy off the object ${energy.toFixed(3)}`,
    );
  }
  optimizer.minimize(
    () => {
      const { classification, energy } = terms();
      return tf.add(classification, tf.mul(energy, lambda));
    },
    false,
    variables,
  );
}
