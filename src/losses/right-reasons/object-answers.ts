import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../../errors/index.ts';
import { type Link, oneHotRows } from '../classification.ts';
import { type ReductionOptions, weightedMean } from '../weighted-mean.ts';

export interface ObjectAnswerOptions extends ReductionOptions {
  /** The link of the classification loss. @default 'sigmoid' */
  readonly link?: Link | undefined;
}

/** Far below any logit, and e to the power of it is 0 in float32. */
const nothing = -1e9;

/**
 * How much more likely a class is than not, on a logarithmic scale.
 *
 *     m_p = log p_c / (1 − p_c):   sigmoid: z_c        softmax: z_c − log Σ_{k≠c} exp z_k
 *
 * @param logits z `[P,C]`
 * @param classes c, P class indices
 * @returns `[P]`
 * @throws {UsageError} when the numbers of logits and classes differ
 */
export function logOdds(logits: tf.Tensor2D, classes: readonly number[], link: Link): tf.Tensor1D {
  const [pairs, depth] = logits.shape;
  if (pairs !== classes.length) {
    throw new UsageError(`classes: must be one per image (${pairs}), were ${classes.length}`);
  }
  return tf.tidy(() => {
    const chosen = oneHotRows(classes, depth);
    const own = tf.sum(tf.mul(logits, chosen), 1);
    if (link === 'sigmoid') return own as tf.Tensor1D;
    const others = tf.add(tf.mul(logits, tf.sub(1, chosen)), tf.mul(chosen, nothing));
    return tf.sub(own, tf.logSumExp(others, 1)) as tf.Tensor1D;
  });
}

/**
 * The counterfactual term: without the object, the answer must be no.
 *
 *     L = Σ_p w_p (−log(1 − p_c(E_p ⊙ I_p + H_p ⊙ F))) / Σ_p w_p
 *
 * H is the object, E = 1 − H, F what is filled in. Its answers alone can be met by a network that always says no;
 * {@link sufficiency} and the classification loss are its counterweights.
 *
 * @param logits of the images without their object, `[P,C]`
 * @param classes c, P class indices
 * @returns scalar; finite for every finite logit
 * @throws {UsageError} when the numbers of logits and classes differ
 * @see Chang, Adam, Goldenberg, "Towards Robust Classification Model by Counterfactual and Invariant Data
 *   Generation", CVPR 2021, arXiv 2106.01127
 */
export function counterfactual(
  logits: tf.Tensor2D,
  classes: readonly number[],
  { link = 'sigmoid', ...reduction }: ObjectAnswerOptions = {},
): tf.Scalar {
  return tf.tidy(() => weightedMean(tf.softplus(logOdds(logits, classes, link)), reduction));
}

/**
 * The sufficiency term: the object alone, on any ground, must be enough for a yes.
 *
 *     L = Σ_p w_p (−log p_c(H_p ⊙ I_p + E_p ⊙ B)) / Σ_p w_p
 *
 * H is the object, E = 1 − H, B another ground: a filling, or an image without the class.
 *
 * @param logits of the objects on another ground, `[P,C]`
 * @param classes c, P class indices
 * @returns scalar; finite for every finite logit
 * @throws {UsageError} when the numbers of logits and classes differ
 * @see Ying, Hase, Bansal, "VisFIS: Visual Feature Importance Supervision with Right-for-the-Right-Reason
 *   Objectives", NeurIPS 2022, arXiv 2206.11212; Chang et al., CVPR 2021
 */
export function sufficiency(
  logits: tf.Tensor2D,
  classes: readonly number[],
  { link = 'sigmoid', ...reduction }: ObjectAnswerOptions = {},
): tf.Scalar {
  return tf.tidy(() => weightedMean(tf.softplus(tf.neg(logOdds(logits, classes, link))), reduction));
}
