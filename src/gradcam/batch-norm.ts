import * as tf from '@tensorflow/tfjs-core';
import { ModelError } from '../errors/index.ts';
import type { Layer } from './layer.ts';

/**
 * What a batch normalization does in a pass: `update` normalises by the batch and moves the moving averages
 * (the ordinary training behaviour), `batch` normalises by the batch and leaves them alone, `inference`
 * normalises by the moving averages.
 */
export type BatchNormMode = 'update' | 'batch' | 'inference';

interface Variable {
  read(): tf.Tensor;
  write(value: tf.Tensor): unknown;
}

interface BatchNormalization {
  axis: number;
  epsilon: number;
  momentum: number;
  gamma?: Variable;
  beta?: Variable;
  movingMean: Variable;
  movingVariance: Variable;
}

/**
 * What a batch normalization does when a pass asks for `mode`: one that is frozen (`trainable: false`, its own or
 * that of the model around it) always normalises by its moving averages, as in Keras.
 */
export function effectiveBatchNorm(layer: Layer, mode: BatchNormMode): BatchNormMode {
  const { gamma, beta } = layer as unknown as BatchNormalization;
  const learnable = gamma !== undefined || beta !== undefined;
  // Freezing a model marks the weights of its layers and not the layers.
  const frozen = !layer.trainable || (learnable && layer.trainableWeights.length === 0);
  return frozen ? 'inference' : mode;
}

/** Whether tfjs's own call of the layer does not do what the mode asks for. */
export function needsOwnBatchNorm(layer: Layer, x: tf.Tensor, mode: BatchNormMode): boolean {
  // tfjs has none for rank 5, and its training mode fails without gamma or beta.
  return layer.getClassName() === 'BatchNormalization' && (mode !== 'inference' || x.rank > 4);
}

/**
 * Batch normalization: y = γ (x − μ) / √(σ² + ε) + β, μ and σ² over all axes but the layer's.
 *
 * @param layer a built `BatchNormalization` layer
 * @param x any rank
 * @param mode where μ and σ² come from
 * @returns the shape of x
 */
export function batchNormalize(layer: Layer, x: tf.Tensor, mode: BatchNormMode): tf.Tensor {
  const norm = layer as unknown as BatchNormalization;
  return tf.tidy(() => {
    const axis = norm.axis < 0 ? norm.axis + x.rank : norm.axis;
    const along = x.shape.map((size, i) => (i === axis ? size : 1));
    const spread = (vector: tf.Tensor) => tf.reshape(vector, along);

    let mean: tf.Tensor;
    let variance: tf.Tensor;
    if (mode === 'inference') {
      mean = norm.movingMean.read();
      variance = norm.movingVariance.read();
    } else {
      const others = x.shape.map((_, i) => i).filter((i) => i !== axis);
      ({ mean, variance } = tf.moments(x, others));
    }
    if (mode === 'update') {
      moveTowards(norm.movingMean, mean, norm.momentum);
      moveTowards(norm.movingVariance, variance, norm.momentum);
    }
    const deviation = tf.rsqrt(tf.add(variance, norm.epsilon));
    const scale = norm.gamma ? tf.mul(deviation, norm.gamma.read()) : deviation;
    const scaled = tf.mul(tf.sub(x, spread(mean)), spread(scale));
    return norm.beta ? tf.add(scaled, spread(norm.beta.read())) : scaled;
  });
}

/**
 * A batch normalization as a scale and a shift, y = scale ⊙ x + shift: scale = γ / √(σ² + ε), shift = β − μ scale.
 *
 * @param x what it reads; `update` normalises by it and moves nothing
 * @returns both [C]
 * @throws {ModelError} when its axis is not the last
 */
export function normalizationOf(
  layer: Layer,
  x: tf.Tensor,
  mode: BatchNormMode,
): { scale: tf.Tensor; shift: tf.Tensor } {
  const { axis, epsilon, gamma, beta, movingMean, movingVariance } = layer as unknown as BatchNormalization;
  if (axis !== -1 && axis !== x.rank - 1) {
    throw new ModelError(
      `layer "${layer.name}": a batch norm along axis ${axis}; only the last, the channels, is gone through`,
    );
  }
  const others = Array.from({ length: x.rank - 1 }, (_, i) => i);
  const { mean, variance } =
    mode === 'inference'
      ? { mean: movingMean.read(), variance: movingVariance.read() }
      : tf.moments(x, others);
  const deviation = tf.rsqrt(tf.add(variance, epsilon));
  const scale = gamma ? tf.mul(deviation, gamma.read()) : deviation;
  const moved = tf.neg(tf.mul(mean, scale));
  return { scale, shift: beta ? tf.add(moved, beta.read()) : moved };
}

function moveTowards(average: Variable, value: tf.Tensor, momentum: number): void {
  const old = average.read();
  average.write(tf.sub(old, tf.mul(tf.sub(old, value), 1 - momentum)));
}
