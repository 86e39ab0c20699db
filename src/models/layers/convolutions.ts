import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import {
  activationOf,
  type Config,
  type NamedActivation,
  OneTensorLayer,
  oneShape,
  registerLayers,
  type Shape,
} from './one-tensor-layer.ts';

interface WindowArgs extends Config {
  kernelSize: number | number[];
  strides?: number | number[];
  padding?: 'same' | 'valid';
  dilationRate?: number | number[];
  activation?: string;
  useBias?: boolean;
}

type Pair = [number, number];

const pair = (value: number | number[] | undefined): Pair =>
  Array.isArray(value) ? [value[0]!, value.at(-1)!] : [value ?? 1, value ?? 1];

/** What the two convolutions below share: window, activation, bias. Channels last. */
abstract class WindowLayer extends OneTensorLayer {
  readonly kernelSize: Pair;
  readonly strides: Pair;
  readonly padding: 'same' | 'valid';
  readonly dilationRate: Pair;
  readonly useBias: boolean;
  readonly dataFormat = 'channelsLast';
  activation: NamedActivation;
  protected bias: tfl.LayerVariable | null = null;

  constructor(args: WindowArgs) {
    super(args as object);
    this.kernelSize = pair(args.kernelSize);
    this.strides = pair(args.strides);
    this.padding = args.padding ?? 'valid';
    this.dilationRate = pair(args.dilationRate);
    this.useBias = args.useBias ?? true;
    this.activation = activationOf(args.activation);
  }

  protected abstract channelsOut(channelsIn: number): number;

  protected makeBias(channelsIn: number): void {
    if (!this.useBias) return;
    const zeros = tfl.initializers.zeros();
    this.bias = this.addWeight('bias', [this.channelsOut(channelsIn)], 'float32', zeros as never);
    this.built = true;
  }

  protected finish(x: tf.Tensor): tf.Tensor {
    const sum = this.bias ? tf.add(x, this.bias.read()) : x;
    return this.activation.apply(sum);
  }

  override computeOutputShape(inputShape: Shape | Shape[]): Shape {
    const [batch, height, width, channels] = oneShape(inputShape) as [number, number, number, number];
    const extent = (size: number | null, axis: 0 | 1) => {
      if (size === null) return null;
      const window = this.dilationRate[axis] * (this.kernelSize[axis] - 1) + 1;
      const places = this.padding === 'same' ? size : size - window + 1;
      return Math.ceil(places / this.strides[axis]);
    };
    return [batch, extent(height, 0), extent(width, 1), this.channelsOut(channels)];
  }

  override getConfig(): Config {
    const { kernelSize, strides, padding, dilationRate, useBias, dataFormat } = this;
    const activation = this.activation.getClassName();
    return {
      ...super.getConfig(),
      kernelSize,
      strides,
      padding,
      dilationRate,
      useBias,
      dataFormat,
      activation,
    };
  }
}

/**
 * A convolution in groups: each reads its own part of the channels (Keras's `Conv2D(groups=…)`, PyTorch's
 * `Conv2d(groups=…)`). Kernel [h, w, C_in / groups, C_out].
 */
export class GroupedConv2D extends WindowLayer {
  static readonly className = 'GroupedConv2D';
  readonly filters: number;
  readonly groups: number;
  #kernel!: tfl.LayerVariable;

  constructor(args: WindowArgs & { filters: number; groups: number }) {
    super(args);
    this.filters = args.filters;
    this.groups = args.groups;
  }

  protected override channelsOut(): number {
    return this.filters;
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = oneShape(inputShape).at(-1)!;
    const shape = [...this.kernelSize, channels / this.groups, this.filters];
    const initial = tfl.initializers.glorotUniform({});
    this.#kernel = this.addWeight('kernel', shape, 'float32', initial as never);
    this.makeBias(channels);
    this.built = true;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const parts = tf.split(x as tf.Tensor4D, this.groups, 3);
    const kernels = tf.split(this.#kernel.read() as tf.Tensor4D, this.groups, 3);
    const dilated = this.dilationRate.some((rate) => rate > 1);
    const answers = parts.map((part, g) =>
      tf.conv2d(
        part as tf.Tensor4D,
        kernels[g]! as tf.Tensor4D,
        this.strides,
        this.padding,
        'NHWC',
        dilated ? this.dilationRate : [1, 1],
      ),
    );
    return this.finish(tf.concat(answers, 3));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), filters: this.filters, groups: this.groups };
  }
}

/** A depthwise convolution with holes: tfjs's own layer reads `dilationRate` and forgets it. */
export class DilatedDepthwiseConv2D extends WindowLayer {
  static readonly className = 'DilatedDepthwiseConv2D';
  readonly depthMultiplier: number;
  #kernel!: tfl.LayerVariable;

  constructor(args: WindowArgs & { depthMultiplier?: number }) {
    super(args);
    this.depthMultiplier = args.depthMultiplier ?? 1;
  }

  protected override channelsOut(channels: number): number {
    return channels * this.depthMultiplier;
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = oneShape(inputShape).at(-1)!;
    const shape = [...this.kernelSize, channels, this.depthMultiplier];
    const initial = tfl.initializers.glorotUniform({});
    this.#kernel = this.addWeight('depthwise_kernel', shape, 'float32', initial as never);
    this.makeBias(channels);
    this.built = true;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const kernel = this.#kernel.read() as tf.Tensor4D;
    const image = x as tf.Tensor4D;
    return this.finish(
      tf.depthwiseConv2d(image, kernel, this.strides, this.padding, 'NHWC', this.dilationRate),
    );
  }

  override getConfig(): Config {
    return { ...super.getConfig(), depthMultiplier: this.depthMultiplier };
  }
}

/** A separable convolution of more than one depthwise filter per channel: tfjs's own forgets their number when saved. */
export class MultipliedSeparableConv2D extends WindowLayer {
  static readonly className = 'MultipliedSeparableConv2D';
  readonly filters: number;
  readonly depthMultiplier: number;
  #depthwise!: tfl.LayerVariable;
  #pointwise!: tfl.LayerVariable;

  constructor(args: WindowArgs & { filters: number; depthMultiplier?: number }) {
    super(args);
    this.filters = args.filters;
    this.depthMultiplier = args.depthMultiplier ?? 1;
  }

  protected override channelsOut(): number {
    return this.filters;
  }

  override build(inputShape: Shape | Shape[]): void {
    const channels = oneShape(inputShape).at(-1)!;
    const initial = tfl.initializers.glorotUniform({}) as never;
    const depthwise = [...this.kernelSize, channels, this.depthMultiplier];
    const pointwise = [1, 1, channels * this.depthMultiplier, this.filters];
    this.#depthwise = this.addWeight('depthwise_kernel', depthwise, 'float32', initial);
    this.#pointwise = this.addWeight('pointwise_kernel', pointwise, 'float32', initial);
    this.makeBias(channels);
    this.built = true;
  }

  protected override compute(x: tf.Tensor): tf.Tensor {
    const depthwise = tf.depthwiseConv2d(
      x as tf.Tensor4D,
      this.#depthwise.read() as tf.Tensor4D,
      this.strides,
      this.padding,
      'NHWC',
      this.dilationRate,
    );
    return this.finish(tf.conv2d(depthwise, this.#pointwise.read() as tf.Tensor4D, 1, 'valid'));
  }

  override getConfig(): Config {
    return { ...super.getConfig(), filters: this.filters, depthMultiplier: this.depthMultiplier };
  }
}

registerLayers(GroupedConv2D, DilatedDepthwiseConv2D, MultipliedSeparableConv2D);
