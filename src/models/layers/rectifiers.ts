import * as tf from '@tensorflow/tfjs-core';
import { type Config, OneTensorLayer, registerLayers, type Shape } from './one-tensor-layer.ts';

interface RectifierArgs extends Config {
  maxValue?: number | null;
  negativeSlope?: number;
  threshold?: number;
}

/**
 * Keras's `ReLU` with all of its options, of which tfjs's own knows `maxValue` alone:
 *
 *     f(x) = maxValue for x ≥ maxValue;  x for threshold ≤ x < maxValue;  negativeSlope (x − threshold) below
 */
export class GeneralReLU extends OneTensorLayer {
  static readonly className = 'GeneralReLU';
  readonly maxValue: number | null;
  readonly negativeSlope: number;
  readonly threshold: number;

  constructor(args: RectifierArgs) {
    super(args as object);
    this.supportsMasking = true;
    this.maxValue = args.maxValue ?? null;
    this.negativeSlope = args.negativeSlope ?? 0;
    this.threshold = args.threshold ?? 0;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const { maxValue, negativeSlope, threshold } = this;
    const above = threshold === 0 ? tf.relu(x) : tf.mul(x, tf.cast(tf.greater(x, threshold), 'float32'));
    const capped = maxValue === null ? above : tf.relu(tf.minimum(above, maxValue));
    if (negativeSlope === 0) return capped;
    return tf.sub(capped, tf.mul(tf.relu(tf.sub(threshold, x)), negativeSlope));
  }

  override computeOutputShape(inputShape: Shape | Shape[]) {
    return inputShape;
  }

  override getConfig(): Config {
    const { maxValue, negativeSlope, threshold } = this;
    return { ...super.getConfig(), maxValue, negativeSlope, threshold };
  }
}

/** Keras's `ELU` with any alpha: x above 0, α (eˣ − 1) below; tfjs's own takes α = 1 alone. */
export class ScaledELU extends OneTensorLayer {
  static readonly className = 'ScaledELU';
  readonly alpha: number;

  constructor(args: Config & { alpha?: number }) {
    super(args as object);
    this.supportsMasking = true;
    this.alpha = args.alpha ?? 1;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    return tf.add(tf.relu(x), tf.mul(tf.elu(tf.neg(tf.relu(tf.neg(x)))), this.alpha));
  }

  override computeOutputShape(inputShape: Shape | Shape[]) {
    return inputShape;
  }

  override getConfig(): Config {
    return { ...super.getConfig(), alpha: this.alpha };
  }
}

/** Softmax along an axis that is not the last, which tfjs's own layer refuses. */
export class SoftmaxAlong extends OneTensorLayer {
  static readonly className = 'SoftmaxAlong';
  readonly axis: number;

  constructor(args: Config & { axis: number }) {
    super(args as object);
    this.axis = args.axis;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const axis = this.axis < 0 ? this.axis + x.rank : this.axis;
    const order = x.shape.map((_, i) => i).filter((i) => i !== axis);
    const there = [...order, axis];
    const back = x.shape.map((_, i) => there.indexOf(i));
    return tf.transpose(tf.softmax(tf.transpose(x, there)), back);
  }

  override computeOutputShape(inputShape: Shape | Shape[]) {
    return inputShape;
  }

  override getConfig(): Config {
    return { ...super.getConfig(), axis: this.axis };
  }
}

registerLayers(GeneralReLU, ScaledELU, SoftmaxAlong);
