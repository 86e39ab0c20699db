import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../errors/index.ts';
import { type Link, oneHotRows, probabilities } from './classification.ts';
import { type ReductionOptions, weightedMean } from './weighted-mean.ts';

/** What is mined: the class's probability under the link, or its raw logit. */
export type MiningScore = 'probability' | 'logit';

export interface AttentionMiningOptions extends ReductionOptions {
  /** The link of the classification loss. @default 'sigmoid' */
  readonly link?: Link | undefined;
  /**
   * The paper calls s^c "the prediction score"; the probability is bounded, so one pair cannot outweigh the
   * classification, and its gradient fades once the class is gone.
   * @default 'probability'
   */
  readonly score?: MiningScore | undefined;
}

/**
 * The attention mining loss L_am: the score that each class keeps after its own region was removed.
 *
 *     L_am = Σ_p w_p s_p / Σ_p w_p,   s_p = σ(z_p)_{c_p} or softmax(z_p)_{c_p} or z_{p,c_p}     (Eq 5)
 *
 * Each pair is judged by its own class only. With w_p = 1 / n_b, n_b the labels of the pair's image, this is
 * Eq 5 for each image and the mean over the images that have labels. With `total` the number of these, a pair that
 * is left out by a zero weight lowers the loss rather than raising the share of the others.
 *
 * @param logits z of the masked images, `[P,C]`
 * @param classes c_p, P class indices
 * @returns scalar
 * @throws {UsageError} when the numbers of logits and classes differ
 * @see Li et al., "Tell Me Where to Look: Guided Attention Inference Network", CVPR 2018, section 3.1
 */
export function attentionMining(
  logits: tf.Tensor2D,
  classes: readonly number[],
  { link = 'sigmoid', score = 'probability', ...reduction }: AttentionMiningOptions = {},
): tf.Scalar {
  const [pairs, depth] = logits.shape;
  if (pairs !== classes.length) {
    throw new UsageError(`classes: must be one per masked image (${pairs}), were ${classes.length}`);
  }
  return tf.tidy(() => {
    const scores = score === 'logit' ? logits : probabilities(logits, link);
    const own = tf.sum(tf.mul(scores, oneHotRows(classes, depth)), 1) as tf.Tensor1D;
    return weightedMean(own, reduction);
  });
}
