import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { ModelError } from '../../errors/index.ts';
import { type Config, OneTensorLayer, oneShape, registerLayers, type Shape } from './one-tensor-layer.ts';

/**
 * Global pooling of any rank that may keep its dimensions: [B, …spatial, C] to [B,C] or [B, …1, C]
 * (Keras's `GlobalAveragePooling2D(keepdims=True)` and its kin, `GlobalAveragePooling3D`).
 */
export class GlobalPooling extends OneTensorLayer {
  static readonly className = 'GlobalPooling';
  readonly pool: 'average' | 'max';
  readonly keepdims: boolean;
  readonly dataFormat: 'channelsLast' | 'channelsFirst';

  constructor(
    args: Config & {
      pool: 'average' | 'max';
      keepdims?: boolean;
      dataFormat?: 'channelsLast' | 'channelsFirst';
    },
  ) {
    super(args as object);
    this.pool = args.pool;
    this.keepdims = args.keepdims ?? false;
    this.dataFormat = args.dataFormat ?? 'channelsLast';
  }

  #space(rank: number): number[] {
    const first = this.dataFormat === 'channelsFirst' ? 2 : 1;
    return Array.from({ length: rank - 2 }, (_, i) => first + i);
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const axes = this.#space(x.rank);
    return this.pool === 'average' ? tf.mean(x, axes, this.keepdims) : tf.max(x, axes, this.keepdims);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const shape = oneShape(inputShape);
    const axes = this.#space(shape.length);
    return this.keepdims
      ? shape.map((size, i) => (axes.includes(i) ? 1 : size))
      : shape.filter((_, i) => !axes.includes(i));
  }

  override getConfig(): Config {
    const { pool, keepdims, dataFormat } = this;
    return { ...super.getConfig(), pool, keepdims, dataFormat };
  }
}

/** The middle of an image, as Keras crops it: the first pixel is ⌊(H − height) / 2⌋. */
export class MiddleCrop extends OneTensorLayer {
  static readonly className = 'MiddleCrop';
  readonly height: number;
  readonly width: number;

  constructor(args: Config & { height: number; width: number }) {
    super(args as object);
    this.height = args.height;
    this.width = args.width;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const [batch, height, width, channels] = x.shape as [number, number, number, number];
    const top = Math.floor((height - this.height) / 2);
    const left = Math.floor((width - this.width) / 2);
    return tf.slice(x, [0, top, left, 0], [batch, this.height, this.width, channels]);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, height, width, channels] = oneShape(inputShape) as [null, number, number, number];
    if ((height ?? this.height) < this.height || (width ?? this.width) < this.width) {
      throw new ModelError(
        `Layer "${this.name}": an image of ${height}x${width} has no middle of ${this.height}x${this.width}`,
      );
    }
    return [batch, this.height, this.width, channels];
  }

  override getConfig(): Config {
    return { ...super.getConfig(), height: this.height, width: this.width };
  }
}

/** The order of the channels changed: [2, 1, 0] turns RGB into BGR, as networks that came from Caffe want it. */
export class ChannelOrder extends OneTensorLayer {
  static readonly className = 'ChannelOrder';
  readonly order: number[];

  constructor(args: Config & { order: number[] }) {
    super(args as object);
    this.order = args.order;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    return tf.gather(x, tf.tensor1d(this.order, 'int32'), x.rank - 1);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    return [...oneShape(inputShape).slice(0, -1), this.order.length];
  }

  override getConfig(): Config {
    return { ...super.getConfig(), order: this.order };
  }
}

/** The first of two tensors minus the second (Keras's `Subtract`, which tfjs has not), or divided by it. */
export class PairArithmetic extends tfl.layers.Layer {
  static readonly className = 'PairArithmetic';
  readonly operation: 'subtract' | 'divide';

  constructor(args: Config & { operation: 'subtract' | 'divide' }) {
    super(args as object);
    this.operation = args.operation;
  }

  override call(inputs: tf.Tensor | tf.Tensor[]): tf.Tensor {
    const [a, b] = inputs as [tf.Tensor, tf.Tensor];
    return this.operation === 'subtract' ? tf.sub(a, b) : tf.div(a, b);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [a, b] = inputShape as [Shape, Shape];
    const rank = Math.max(a.length, b.length);
    const at = (shape: Shape, i: number) => shape[i - (rank - shape.length)];
    return Array.from({ length: rank }, (_, i) => {
      const [left, right] = [at(a, i), at(b, i)];
      return left === 1 || left === undefined ? (right ?? null) : left;
    });
  }

  override getConfig(): Config {
    return { ...super.getConfig(), operation: this.operation };
  }
}

registerLayers(GlobalPooling, MiddleCrop, ChannelOrder, PairArithmetic);
