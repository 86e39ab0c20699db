import * as tf from '@tensorflow/tfjs-core';
import { UsageError } from '../errors/index.ts';
import { ratioOrZero } from './weighted-mean.ts';

/**
 * How logits become probabilities: `softmax` for classes that exclude each other, `sigmoid` for labels that
 * do not. One link serves the classification loss and the mining of attention (numerics, trap 4).
 */
export type Link = 'softmax' | 'sigmoid';

export interface SoftmaxCrossEntropyOptions {
  /**
   * w of each image, `[B]`, or of each image's classes, `[B,C]`; not negative. 0 where an answer is not known: it
   * adds nothing and has no gradient. @default all 1
   */
  readonly weights?: tf.Tensor1D | tf.Tensor2D | undefined;
  /** Divides instead of the sum of the weights. */
  readonly total?: number | undefined;
  /** ε: share of the target that is spread evenly over all classes. @default 0 */
  readonly labelSmoothing?: number | undefined;
  /** One factor per class, `[C]`. @default all 1 */
  readonly classWeights?: readonly number[] | undefined;
}

export interface SigmoidCrossEntropyOptions extends SoftmaxCrossEntropyOptions {
  /** Factor of the positive term per class, `[C]`; above 1 trades precision for recall. @default all 1 */
  readonly positiveWeights?: readonly number[] | undefined;
}

/**
 * Probabilities of logits under a link.
 *
 * @param logits `[N,C]`
 * @returns `[N,C]`
 */
export function probabilities(logits: tf.Tensor2D, link: Link): tf.Tensor2D {
  return link === 'softmax' ? tf.softmax(logits) : tf.sigmoid(logits);
}

/**
 * Rows of a one-hot matrix, made on the host so that every engine sees an ordinary constant.
 *
 * `tf.oneHot` refuses a width of 1.
 *
 * @param classes N class indices
 * @param depth C
 * @returns `[N,C]`
 * @throws {UsageError} when an index is not an integer in 0..C-1
 */
export function oneHotRows(classes: readonly number[], depth: number): tf.Tensor2D {
  const rows = new Float32Array(classes.length * depth);
  classes.forEach((label, row) => {
    if (!Number.isInteger(label) || label < 0 || label >= depth) {
      throw new UsageError(`class index ${label} (row ${row}): must be an integer from 0 to ${depth - 1}`);
    }
    rows[row * depth + label] = 1;
  });
  return tf.tensor2d(rows, [classes.length, depth]);
}

/**
 * Cross-entropy of a softmax.
 *
 *     L = Σ_b Σ_c w_bc k_c ŷ_bc (−log softmax(z_b)_c) / Σ_b Σ_c w_bc k_c y_bc,   ŷ = (1 − ε) y + ε / C
 *
 * k are the class weights. With one-hot labels this is PyTorch's `CrossEntropyLoss(weight, label_smoothing)`. A row
 * with several labels is first divided by their number; a row without any label weighs nothing.
 *
 * @param logits z `[B,C]`
 * @param labels y `[B,C]`, one-hot or multi-hot
 * @returns scalar
 * @throws {UsageError} when labels or weights do not have the shape of the logits, or an option is out of its range
 */
export function softmaxCrossEntropy(
  logits: tf.Tensor2D,
  labels: tf.Tensor2D,
  { labelSmoothing = 0, classWeights, weights, total }: SoftmaxCrossEntropyOptions = {},
): tf.Scalar {
  assertSameShape(logits, labels);
  return tf.tidy(() => {
    const labelsPerRow = tf.sum(labels, 1, true);
    const labelled = tf.cast(tf.greater(labelsPerRow, 0), 'float32');
    const y = tf.div(labels, tf.maximum(labelsPerRow, 1)) as tf.Tensor2D;
    const target = tf.mul(smoothed(y, labelSmoothing, 1 / logits.shape[1]), labelled);
    const ofClasses = classFactors(classWeights, logits.shape[1], 'classWeights');
    const factors = weights === undefined ? ofClasses : tf.mul(ofClasses, perClass(weights, logits));
    const costs = tf.mul(tf.mul(target, factors), tf.neg(tf.logSoftmax(logits)));
    const divisor = total === undefined ? tf.sum(tf.mul(y, factors)) : tf.scalar(total);
    return ratioOrZero(tf.sum(costs), divisor);
  });
}

/**
 * Cross-entropy of independent sigmoids, the multi-label soft margin loss of the GAIN paper (L_cl).
 *
 *     L = Σ_b Σ_c w_bc k_c (p_c ŷ_bc softplus(−z_bc) + (1 − ŷ_bc) softplus(z_bc)) / Σ_b Σ_c w_bc,
 *     ŷ = (1 − ε) y + ε / 2
 *
 * k are the class weights, p the positive weights. Finite for every finite logit: no probability is formed. Equals
 * PyTorch's `MultiLabelSoftMarginLoss(weight)`, and `BCEWithLogitsLoss(pos_weight = p)`.
 *
 * @param logits z `[B,C]`
 * @param labels y `[B,C]`, multi-hot; a row of zeros is an image that shows none of the classes
 * @returns scalar
 * @throws {UsageError} when labels or weights do not have the shape of the logits, or an option is out of its range
 */
export function sigmoidCrossEntropy(
  logits: tf.Tensor2D,
  labels: tf.Tensor2D,
  { labelSmoothing = 0, classWeights, positiveWeights, weights, total }: SigmoidCrossEntropyOptions = {},
): tf.Scalar {
  assertSameShape(logits, labels);
  return tf.tidy(() => {
    const classes = logits.shape[1];
    const y = smoothed(labels, labelSmoothing, 0.5);
    const positive = tf.mul(
      tf.mul(y, tf.softplus(tf.neg(logits))),
      classFactors(positiveWeights, classes, 'positiveWeights'),
    );
    const negative = tf.mul(tf.sub(1, y), tf.softplus(logits));
    const costs = tf.mul(tf.add(positive, negative), classFactors(classWeights, classes, 'classWeights'));
    if (weights === undefined) return total === undefined ? tf.mean(costs) : tf.div(tf.sum(costs), total);
    const w = tf.mul(perClass(weights, logits), tf.ones(logits.shape));
    return ratioOrZero(tf.sum(tf.mul(costs, w)), total === undefined ? tf.sum(w) : tf.scalar(total));
  });
}

function smoothed(labels: tf.Tensor2D, epsilon: number, uniform: number): tf.Tensor2D {
  if (!(epsilon >= 0 && epsilon < 1)) {
    throw new UsageError(`labelSmoothing: must be at least 0 and below 1, was ${epsilon}`);
  }
  return epsilon === 0 ? labels : tf.add(tf.mul(labels, 1 - epsilon), epsilon * uniform);
}

function classFactors(factors: readonly number[] | undefined, classes: number, name: string): tf.Tensor {
  if (factors === undefined) return tf.scalar(1);
  if (factors.length !== classes) {
    throw new UsageError(`${name}: must have one number per class (${classes}), had ${factors.length}`);
  }
  return tf.tensor1d(Array.from(factors));
}

/** `[B]` or `[B,C]` as `[B,1]` or `[B,C]`. */
function perClass(weights: tf.Tensor1D | tf.Tensor2D, { shape }: tf.Tensor2D): tf.Tensor2D {
  const fits = weights.rank === 1 ? [shape[0]] : shape;
  if (!tf.util.arraysEqual(weights.shape, fits)) {
    throw new UsageError(`weights: must have shape [${shape[0]}] or [${shape}], had [${weights.shape}]`);
  }
  return tf.reshape(weights, [shape[0], -1]);
}

function assertSameShape(logits: tf.Tensor2D, labels: tf.Tensor2D): void {
  if (logits.shape[0] !== labels.shape[0] || logits.shape[1] !== labels.shape[1]) {
    throw new UsageError(
      `labels: must have the shape of the logits, [${logits.shape}], had [${labels.shape}]`,
    );
  }
}
