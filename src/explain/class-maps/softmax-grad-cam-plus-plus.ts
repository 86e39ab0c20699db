import * as tf from '@tensorflow/tfjs-core';
import type * as tfl from '@tensorflow/tfjs-layers';
import { enableHigherOrderGradients } from '../../autodiff/index.ts';
import { UsageError } from '../../errors/index.ts';
import {
  type Pair,
  pairColumns,
  safeReciprocal,
  splitModel,
  targetOutputs,
  targetScores,
} from '../../gradcam/index.ts';
import type { MethodOptions } from '../method.ts';

/** Below this a float32 has no reciprocal. */
const smallest = 1e-37;

/** A class that no image of the batch gives this probability has no part in the moments that float32 could hold. */
const negligible = 1e-9;

/**
 * Grad-CAM++ for Y = softmax(S), in place of Y = exp(S): the derivatives of the probability itself.
 *
 * With g_k = ∂S^k/∂A at a place, p = softmax(S), and its moments over the classes
 * μ = Σ_k p_k g_k, m₂ = Σ_k p_k (g_k − μ)², m₃ = Σ_k p_k (g_k − μ)³, d = g_c − μ:
 *
 *     Y' = p_c d,   Y'' = p_c (d² − m₂),   Y''' = p_c (d³ − 3 d m₂ − m₃)
 *     α = Y'' / (2 Y'' + (Σ_ab A_ab) Y'''),   w = Σ_ij α ReLU(Y'),   M = ReLU(Σ_k w_k A^k)
 *
 * (Chattopadhay et al., WACV 2018, arXiv 1710.11063, section 3.2: their sums over classes are these moments, for a head
 * that is piecewise linear.) p_c cancels in α and is left out of w: it scales the whole map, and would
 * make the map of an improbable class vanish in float32.
 *
 * Good for: what tells the class from the other probable ones, where exp(S) also shows what they share. Fails: where
 * the network is certain, d is a difference of nearly equal numbers; Y'' and Y''' of either sign can bring the
 * denominator near 0, and a single place can then outweigh all others (it is left out only where it is 0).
 *
 * One backward pass of the head for each class of a probability above 1e-9.
 *
 * @param images [B,H,W,c], or one tensor per input
 * @returns [P,h,w]
 * @throws {UsageError}, ModelError as `attentionMaps` does
 */
export function softmaxGradCamPlusPlus(
  model: tfl.LayersModel,
  images: tf.Tensor | readonly tf.Tensor[],
  pairs: readonly Pair[],
  { targetLayer, output, target = 'logit' }: MethodOptions = {},
): tf.Tensor {
  enableHigherOrderGradients();
  const split = splitModel(model, targetLayer, { output, ...targetOutputs(target) });
  return tf.tidy(() => {
    const features = split.features(images);
    const { activations } = features;
    const [samples, ...shape] = activations.shape as [number, ...number[]];
    const scoresOf = (a: tf.Tensor) => targetScores(split, split.head(features, a), target, samples);
    const scores = scoresOf(activations);
    if (scores.rank !== 2) {
      throw new UsageError('grad-cam++-softmax: the target has to give the scores of all classes, [B, C]');
    }
    const classes = scores.shape[1]!;
    const columns = pairColumns(pairs, { samples, classes });
    if (pairs.length === 0) return tf.zeros([0, ...shape.slice(0, -1)]);

    const gradient = (column: number) =>
      tf.tidy(() => tf.grad((a) => tf.sum(tf.slice(scoresOf(a), [0, column], [samples, 1])))(activations));
    const probabilities = tf.softmax(scores as tf.Tensor2D);
    const probability = (column: number) =>
      tf.reshape(tf.slice(probabilities, [0, column], [samples, 1]), [samples, ...shape.map(() => 1)]);

    // Moments about the gradient of each image's first class, so that those of a certain network do not cancel.
    const first = Array.from(tf.argMax(scores, 1).dataSync());
    const largest = tf.max(probabilities, 0).dataSync();
    const asked = new Map([...first, ...columns].map((column) => [column, gradient(column)]));
    const origin = rowsOf(asked, first);
    let moments = [tf.zerosLike(origin), tf.zerosLike(origin), tf.zerosLike(origin)];
    for (let column = 0; column < classes; column++) {
      if (largest[column]! < negligible) continue;
      const added = tf.tidy(() => {
        const p = probability(column);
        const difference = tf.sub(asked.get(column) ?? gradient(column), origin);
        return moments.map((moment, i) => tf.add(moment, tf.mul(p, tf.pow(difference, i + 1))));
      });
      tf.dispose(moments);
      moments = added;
    }
    const [mean, raw2, raw3] = moments as [tf.Tensor, tf.Tensor, tf.Tensor];
    const m2 = tf.sub(raw2, tf.square(mean));
    const m3 = tf.add(tf.sub(raw3, tf.mul(tf.mul(mean, raw2), 3)), tf.mul(tf.pow(mean, 3), 2));

    const rows = tf.tensor1d(
      pairs.map(({ sample }) => sample),
      'int32',
    );
    const ofPairs = (tensor: tf.Tensor) => tf.gather(tensor, rows);
    const ofClasses = rowsOf(
      asked,
      columns,
      pairs.map(({ sample }) => sample),
    );
    const d = tf.sub(tf.sub(ofClasses, ofPairs(origin)), ofPairs(mean));
    const second = tf.sub(tf.square(d), ofPairs(m2));
    const third = tf.sub(tf.sub(tf.pow(d, 3), tf.mul(tf.mul(d, ofPairs(m2)), 3)), ofPairs(m3));
    const space = shape.slice(0, -1).map((_, i) => i + 1);
    const a = ofPairs(activations);
    const denominator = tf.add(tf.mul(second, 2), tf.mul(tf.sum(a, space, true), third));
    const alpha = tf.mul(second, safeReciprocal(denominator, smallest));
    const weights = tf.sum(tf.mul(alpha, tf.relu(d)), space, true);
    return tf.relu(tf.sum(tf.mul(weights, a), -1));
  });
}

/** Row i is row `samples[i]` (i where not given) of the tensor of class `columns[i]`. */
function rowsOf(
  tensors: ReadonlyMap<number, tf.Tensor>,
  columns: readonly number[],
  samples: readonly number[] = columns.map((_, i) => i),
): tf.Tensor {
  const rows = columns.map((column, i) => tf.slice(tensors.get(column)!, samples[i]!, 1));
  return rows.length === 1 ? rows[0]! : tf.concat(rows, 0);
}
