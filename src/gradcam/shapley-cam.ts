import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients, withoutGradient } from '../autodiff/index.ts';
import type { AttentionMaps, ForwardOptions } from './attention-maps.ts';
import { onTape } from './on-tape.ts';
import { groupPairs, type Pair } from './pairs.ts';
import { splitModel } from './split-model.ts';
import { type Target, targetOutputs, targetScores } from './target.ts';

export interface ShapleyCamOptions extends ForwardOptions {
  /** Path of the layer that is explained, see {@link resolveTargetLayer}. @default 'auto' */
  targetLayer?: string | undefined;
  /**
   * The score: `rest` is the paper's residual softmax, s^c + log p_c; or any other target. Of a head that is linear
   * behind ReLUs a logit has no curvature, and the map is Grad-CAM's.
   * @default 'rest'
   */
  target?: 'rest' | Target | undefined;
}

/**
 * Shapley-CAM: Grad-CAM with the curvature of the score, the Shapley value of features up to second order.
 *
 *     w_k = (1/Z) Σ_ij (g − ½ H A)_ij^k,   g = ∂y^c/∂A,   H A = Σ ∂g/∂A · A,   M = ReLU(Σ_k w_k A^k)
 *
 * y^c = s^c + log softmax(s)_c, the residual softmax target (Cai, "CAMs as Shapley Value-based Explainers", The Visual
 * Computer 2025, arXiv 2501.06261).
 *
 * Good for: where Grad-CAM's slope is saturated. Fails: H A is one product of the Hessian, not the whole of it; far from
 * where a quadratic holds it may turn the sign. One forward pass and two backward passes.
 *
 * May be called inside `tf.variableGrads`: a loss on these maps is a third derivative of the head.
 *
 * @param images [B,H,W,3], or one tensor per model input
 * @param pairs which maps to make, in this order
 * @returns maps [P,h,w] and logits [B,C]
 * @throws {UsageError}, ModelError as `attentionMaps` does
 */
export function shapleyCam<M extends tf.Tensor = tf.Tensor3D>(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { targetLayer, target = 'rest', output = 0, ...pass }: ShapleyCamOptions = {},
): AttentionMaps<M> {
  enableHigherOrderGradients();
  const explained: Target =
    target === 'rest' ? { score: (logits) => tf.add(logits, tf.logSoftmax(logits)) } : target;
  const split = splitModel(model, targetLayer, { output, ...targetOutputs(explained) });
  const maps = () => {
    const features = split.features(images, pass);
    const { activations } = features;
    const [samples] = activations.shape as [number];
    return onTape(() => {
      const head = split.head(features);
      const scores = targetScores(split, head, explained, samples);
      const { selections, rows } = groupPairs(pairs, {
        samples,
        classes: scores.rank === 2 ? scores.shape[1] : undefined,
      });
      const axes = Array.from({ length: activations.rank - 2 }, (_, i) => i + 1);
      // The direction of the product is A as a value: only g is differentiated along it.
      const along = withoutGradient(() => tf.clone(activations));
      const ofGroups = selections.map((selection) => {
        const gradient = tf.grad(() => scores)(activations, tf.tensor(selection, scores.shape));
        // A head without curvature does not depend on A any more; 0 · A lets tfjs find a way.
        const attached = tf.add(gradient, tf.mul(activations, 0));
        const curvature = tf.grad(() => attached)(activations, along);
        const weights = tf.mean(tf.sub(gradient, tf.mul(curvature, 0.5)), axes, true);
        return tf.relu(tf.sum(tf.mul(weights, activations), -1));
      });
      const found =
        ofGroups.length === 0
          ? tf.zeros([0, ...activations.shape.slice(1, -1)])
          : tf.gather(tf.concat(ofGroups, 0), tf.tensor1d(rows, 'int32'));
      return { maps: found, logits: head.logits };
    });
  };
  return tf.tidy(maps as () => tf.TensorContainer) as unknown as AttentionMaps<M>;
}
