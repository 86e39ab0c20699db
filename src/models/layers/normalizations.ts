import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { type Config, OneTensorLayer, oneShape, registerLayers, type Shape } from './one-tensor-layer.ts';

/**
 * Group normalisation (Wu and He 2018): the channels fall into groups, each is normalised over its channels and all
 * of space, y = γ (x − μ) / √(σ² + ε) + β. Channels last.
 */
export class GroupNorm extends OneTensorLayer {
  static readonly className = 'GroupNorm';
  readonly groups: number;
  readonly epsilon: number;
  readonly center: boolean;
  readonly scale: boolean;
  #gamma: tfl.LayerVariable | null = null;
  #beta: tfl.LayerVariable | null = null;

  constructor(args: Config & { groups?: number; epsilon?: number; center?: boolean; scale?: boolean }) {
    super(args as object);
    this.groups = args.groups ?? 32;
    this.epsilon = args.epsilon ?? 1e-3;
    this.center = args.center ?? true;
    this.scale = args.scale ?? true;
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = [oneShape(inputShape).at(-1)!];
    const { ones, zeros } = tfl.initializers;
    if (this.scale) this.#gamma = this.addWeight('gamma', channels, 'float32', ones() as never);
    if (this.center) this.#beta = this.addWeight('beta', channels, 'float32', zeros() as never);
    this.built = true;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const channels = x.shape.at(-1)!;
    // As in Keras, -1 is one group for each channel: instance normalisation.
    const groups = this.groups === -1 ? channels : this.groups;
    const [batch] = x.shape as [number];
    const grouped = tf.reshape(x, [batch, -1, groups, channels / groups]);
    const { mean, variance } = tf.moments(grouped, [1, 3], true);
    const normal = tf.mul(tf.sub(grouped, mean), tf.rsqrt(tf.add(variance, this.epsilon)));
    const flat = tf.reshape(normal, x.shape);
    const scaled = this.#gamma ? tf.mul(flat, this.#gamma.read()) : flat;
    return this.#beta ? tf.add(scaled, this.#beta.read()) : scaled;
  }

  override computeOutputShape(inputShape: Shape | Shape[]) {
    return inputShape;
  }

  override getConfig(): Config {
    const { groups, epsilon, center, scale } = this;
    return { ...super.getConfig(), groups, epsilon, center, scale };
  }
}

/** Vectors of length 1: x / √max(Σ x², 1e-12) along an axis (Keras's `UnitNormalization`). */
export class UnitLength extends OneTensorLayer {
  static readonly className = 'UnitLength';
  readonly axis: number | number[];

  constructor(args: Config & { axis?: number | number[] }) {
    super(args as object);
    this.axis = args.axis ?? -1;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const square = tf.sum(tf.square(x), this.axis, true);
    return tf.mul(x, tf.rsqrt(tf.maximum(square, 1e-12)));
  }

  override computeOutputShape(inputShape: Shape | Shape[]) {
    return inputShape;
  }

  override getConfig(): Config {
    return { ...super.getConfig(), axis: this.axis };
  }
}

/**
 * A scale for each channel, y = γ x, with γ starting small (Touvron et al. 2021, CaiT; ConvNeXt and DINOv2 have it).
 */
export class ChannelScale extends OneTensorLayer {
  static readonly className = 'ChannelScale';
  readonly initial: number;
  #gamma!: tfl.LayerVariable;

  constructor(args: Config & { initial?: number }) {
    super(args as object);
    this.initial = args.initial ?? 1e-6;
  }

  override build(inputShape: Shape | Shape[]): void {
    const constant = tfl.initializers.constant({ value: this.initial });
    this.#gamma = this.addWeight('gamma', [oneShape(inputShape).at(-1)!], 'float32', constant as never);
    this.built = true;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    return tf.mul(x, this.#gamma.read());
  }

  override computeOutputShape(inputShape: Shape | Shape[]) {
    return inputShape;
  }

  override getConfig(): Config {
    return { ...super.getConfig(), initial: this.initial };
  }
}

registerLayers(GroupNorm, UnitLength, ChannelScale);
