import * as tf from '@tensorflow/tfjs-core';
import { upsampleBilinear, withoutGradient } from '../../autodiff/index.ts';
import { attentionMaps } from '../../gradcam/index.ts';
import type { StepContext } from '../objective/index.ts';
import type { GuidedMaps } from './guided-step.ts';

/**
 * What a map attends to the most.
 *
 *     R_p,ij = 1 where M_p,ij ≥ μ_p + τ σ_p,   μ and σ the mean and the standard deviation of M_p's pixels
 *
 * A map that is the same everywhere attends to nothing.
 *
 * @param maps M `[P,H,W]`
 * @param deviations τ
 * @returns R `[P,H,W]`, a constant
 * @see Asgari et al., "MaskTune: Mitigating Spurious Correlations by Forcing to Explore", NeurIPS 2022, arXiv
 *   2210.00055, section 3
 */
export function mostAttended(maps: tf.Tensor3D, deviations = 2): tf.Tensor3D {
  return withoutGradient(() => {
    const { mean, variance } = tf.moments(maps, [1, 2], true);
    const above = tf.greaterEqual(maps, tf.add(mean, tf.mul(tf.sqrt(variance), deviations)));
    return tf.mul(tf.cast(above, 'float32'), tf.cast(tf.greater(variance, 0), 'float32')) as tf.Tensor3D;
  });
}

/**
 * The regions that MaskTune removes from the images of a step: what the maps of an image's labels attend to the most.
 *
 * The paper makes maps and masks once, with the network as it is before the last epoch. Here the network makes them as
 * it goes, which that epoch's low learning rate keeps near the same, and a resumed run sees what an uninterrupted one
 * does.
 *
 * @returns `regions` `[B,H,W]`; `weights` `[B]`, 0 for an image without label
 */
export function attendedRegions(
  { model, inputs, imageInput, pairs, pairWeights, labels, pass }: StepContext,
  { method, targetLayer }: GuidedMaps,
  deviations?: number,
): { regions: tf.Tensor3D; weights: tf.Tensor1D } {
  const [, height, width] = inputs[imageInput]!.shape as [number, number, number];
  const regions = withoutGradient(() => {
    const { maps } = attentionMaps(model, inputs, pairs, { method, targetLayer, ...pass });
    const attended = mostAttended(upsampleBilinear(maps, [height, width]), deviations);
    const ofImages = new Float32Array(labels.length * pairs.length);
    pairs.forEach(({ sample }, p) => {
      if (pairWeights[p]! > 0) ofImages[sample * pairs.length + p] = 1;
    });
    const united = tf.matMul(
      tf.tensor2d(ofImages, [labels.length, pairs.length]),
      tf.reshape(attended, [pairs.length, -1]),
    );
    return tf.reshape(tf.minimum(united, 1), [labels.length, height, width]) as tf.Tensor3D;
  });
  return { regions, weights: tf.tensor1d(labels.map((present) => Number(present.length > 0))) };
}
