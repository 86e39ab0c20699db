import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { withoutGradient } from '../../autodiff/index.ts';
import { forward } from '../../gradcam/index.ts';
import { attentionMining } from '../../losses/index.ts';
import { holeFilling, removeRegion } from './hole-filling.ts';
import type { Settings } from './options.ts';
import { type PairList, rowsOfPairs } from './pairs.ts';
import type { StepPlan } from './plan.ts';

/**
 * The images of the pairs without what their maps point at.
 *
 *     I*_p = I_b ⊙ (1 − T_p) + F_b ⊙ T_p     (Eq 3)
 *
 * @param images I `[B,H,W,c]`, of clips `[B,T,H,W,c]`
 * @param softMasks T `[P,H,W]`, of clips `[P,T,H,W]`
 * @returns `[P,H,W,c]`, of clips `[P,T,H,W,c]`
 */
export function maskImages(
  images: tf.Tensor,
  softMasks: tf.Tensor,
  { pairs }: PairList,
  { fill, seed }: Pick<Settings, 'fill' | 'seed'>,
): tf.Tensor {
  return tf.tidy(() => {
    const filling = holeFilling(images, fill, seed);
    const ofPairs = filling && filling.shape[0] === images.shape[0] ? rowsOfPairs(filling, pairs) : filling;
    return removeRegion(rowsOfPairs(images, pairs), softMasks, ofPairs);
  });
}

/**
 * The attention mining stream: the network's answer to the masked images, and L_am of it (Eq 5).
 *
 * @param maskedImages I* `[P,H,W,c]`, of clips `[P,T,H,W,c]`
 * @param alive `[P]`, 0 for pairs without a map: their image was not masked, so mining it would teach the
 *   network to deny what it sees
 * @returns scalar
 */
export function miningLoss(
  model: tfl.LayersModel,
  maskedImages: tf.Tensor,
  alive: tf.Tensor1D,
  plan: StepPlan,
): tf.Scalar {
  const { inputs, imageInput, training, secondPassBatchNorm, dropoutSeed, link, miningScore, output } = plan;
  const { pairs, weights, total } = plan.list;
  const judge = (images: tf.Tensor): tf.Scalar => {
    const logits = forward(
      model,
      inputs.map((input, i) => (i === imageInput ? images : rowsOfPairs(input, pairs))),
      {
        output,
        training,
        batchNorm: secondPassBatchNorm,
        // Another draw than the first pass's: the masked images are other images.
        dropoutSeed: dropoutSeed === undefined ? undefined : dropoutSeed + 1,
      },
    );
    const classes = pairs.map((pair) => pair.class);
    const counted = tf.mul<tf.Tensor1D>(tf.tensor1d([...weights]), alive);
    return attentionMining(logits, classes, { link, score: miningScore, weights: counted, total });
  };
  if (plan.miningGradient !== 'mask') return judge(maskedImages);

  // The judge is fixed: its derivative by the images is computed at once, and what follows is the linear
  // function of I* that has the judge's value and derivative. No second pass backward through the weights.
  const { value, grad, at } = withoutGradient(() => ({
    ...tf.valueAndGrad((images: tf.Tensor) => judge(images))(maskedImages),
    at: maskedImages,
  })) as { value: tf.Scalar; grad: tf.Tensor; at: tf.Tensor };
  return tf.add(value, tf.sum(tf.mul(grad, tf.sub(maskedImages, at))));
}
