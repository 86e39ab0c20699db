import * as tfl from '@tensorflow/tfjs-layers';
import { UsageError } from '../errors/index.ts';
import type { ExtraActivation } from './layers/index.ts';
import { ChannelScale } from './layers/index.ts';

/** The activations that a backbone can be built with. */
export const activations = [
  'relu',
  'relu6',
  'elu',
  'selu',
  'gelu',
  'swish',
  'mish',
  'softplus',
  'tanh',
  'sigmoid',
] as const;

/** Those, and the ones that only certain networks have. */
export type Activation = (typeof activations)[number] | ExtraActivation;

interface ConvOptions {
  filters: number;
  kernelSize: number;
  /** @default 1 */
  strides?: number;
  /**
   * `same` as TensorFlow does it, `valid`, or `symmetric`: the same number of zeros on both sides, as PyTorch
   * does it. They differ where a stride of 2 meets an even size.
   * @default 'same'
   */
  padding?: 'same' | 'valid' | 'symmetric';
  /** Applied by the layer itself; null leaves it linear. @default null */
  activation?: Activation | null;
  /** The activation that comes after a normalisation, for the size of the initial weights. @default activation */
  gainOf?: Activation | null;
  /** @default true */
  useBias?: boolean;
}

/** A convolution over frames and pixels, or over a volume. */
interface Conv3dOptions {
  filters: number;
  /** [T,H,W] @default [3, 3, 3] */
  kernelSize?: [number, number, number];
  /** Applied by the layer itself; null leaves it linear. @default null */
  activation?: Activation | null;
  /** @default activation */
  gainOf?: Activation | null;
  /** @default true */
  useBias?: boolean;
}

interface NormOptions {
  /** @default 1e-5 */
  epsilon?: number;
  /** The initial gamma: 0 makes a residual branch start as the identity. @default 1 */
  gamma?: 0 | 1;
}

type Tensor = tfl.SymbolicTensor;

/**
 * The layers that backbones are made of, each with initial weights that depend on `seed` and on the layer's
 * name alone, so that adding a layer does not change the others.
 *
 * Kernels are drawn uniformly with the variance 2 / fan-in before a rectifier (He et al. 2015, eq. 10) and
 * 1 / fan-in elsewhere (LeCun). tfjs's `heNormal` has only 0.77 of the variance that it should have: it
 * truncates at two standard deviations without the correction that Keras makes.
 */
export class SeededLayers {
  readonly #seed: number;

  constructor(seed: number) {
    this.#seed = seed;
  }

  conv(x: Tensor, name: string, options: ConvOptions): Tensor {
    const { filters, kernelSize, strides = 1, padding = 'same' } = options;
    const { activation = null, gainOf = activation, useBias = true } = options;
    const { input, rule } = this.#pad(x, name, kernelSize, strides, padding);
    const layer = tfl.layers.conv2d({
      name,
      filters,
      kernelSize,
      strides,
      padding: rule,
      activation: (activation ?? 'linear') as 'linear',
      useBias,
      kernelInitializer: this.#kernel(name, gainOf),
    });
    return layer.apply(input) as Tensor;
  }

  /** Of clips and volumes [B,T,H,W,c], stride 1, padded as TensorFlow does. */
  conv3d(x: Tensor, name: string, options: Conv3dOptions): Tensor {
    const { filters, kernelSize = [3, 3, 3], activation = null } = options;
    const { gainOf = activation, useBias = true } = options;
    const layer = tfl.layers.conv3d({
      name,
      filters,
      kernelSize,
      padding: 'same',
      activation: (activation ?? 'linear') as 'linear',
      useBias,
      kernelInitializer: this.#kernel(name, gainOf),
    });
    return layer.apply(x) as Tensor;
  }

  /** One filter per channel: its fan-in is the window alone, which tfjs calls the fan-out. */
  depthwiseConv(x: Tensor, name: string, options: Omit<ConvOptions, 'filters'>): Tensor {
    const { kernelSize, strides = 1, padding = 'same' } = options;
    const { activation = null, gainOf = activation, useBias = true } = options;
    const { input, rule } = this.#pad(x, name, kernelSize, strides, padding);
    const layer = tfl.layers.depthwiseConv2d({
      name,
      kernelSize,
      strides,
      padding: rule,
      activation: (activation ?? 'linear') as 'linear',
      useBias,
      depthwiseInitializer: tfl.initializers.varianceScaling({
        scale: gainOf && rectifiers.has(gainOf) ? 2 : 1,
        mode: 'fanOut',
        distribution: 'uniform',
        seed: layerSeed(this.#seed, name),
      }),
    });
    return layer.apply(input) as Tensor;
  }

  batchNorm(x: Tensor, name: string, { epsilon = 1e-5, gamma = 1 }: NormOptions = {}): Tensor {
    const layer = tfl.layers.batchNormalization({
      name,
      epsilon,
      momentum: 0.9,
      gammaInitializer: gamma === 1 ? 'ones' : 'zeros',
    });
    return layer.apply(x) as Tensor;
  }

  layerNorm(x: Tensor, name: string, { epsilon = 1e-6 }: { epsilon?: number } = {}): Tensor {
    return tfl.layers.layerNormalization({ name, epsilon }).apply(x) as Tensor;
  }

  /** y = γ x for each channel. */
  channelScale(x: Tensor, name: string, initial: number): Tensor {
    return new ChannelScale({ name, initial }).apply(x) as Tensor;
  }

  activation(x: Tensor, name: string, activation: Activation): Tensor {
    return tfl.layers.activation({ name, activation: activation as 'linear' }).apply(x) as Tensor;
  }

  dense(
    x: Tensor,
    name: string,
    { units, activation = null }: { units: number; activation?: Activation | null },
  ): Tensor {
    const layer = tfl.layers.dense({
      name,
      units,
      activation: (activation ?? 'linear') as 'linear',
      kernelInitializer: this.#kernel(name, activation),
    });
    return layer.apply(x) as Tensor;
  }

  /** @throws {UsageError} when nothing would be left of the image */
  pool(
    x: Tensor,
    name: string,
    { kind, size = 2, strides = size }: { kind: 'max' | 'avg'; size?: number; strides?: number },
  ): Tensor {
    const [, height, width] = x.shape;
    if (Math.min(height!, width!) < size) {
      throw new UsageError(
        `The input is too small for this network: layer "${name}" pools ${size}x${size} pixels and would get ${height}x${width}`,
      );
    }
    const args = { name, poolSize: size, strides };
    const layer = kind === 'max' ? tfl.layers.maxPooling2d(args) : tfl.layers.averagePooling2d(args);
    return layer.apply(x) as Tensor;
  }

  /**
   * Of clips and volumes.
   *
   * @param size [T,H,W], and the strides
   * @throws {UsageError} when nothing would be left
   */
  pool3d(
    x: Tensor,
    name: string,
    { kind, size }: { kind: 'max' | 'avg'; size: [number, number, number] },
  ): Tensor {
    const extent = x.shape.slice(1, 4);
    if (extent.some((length, axis) => length! < size[axis]!)) {
      throw new UsageError(
        `The input is too small for this network: layer "${name}" pools ${size.join('x')} and would get ${extent.join('x')}`,
      );
    }
    const args = { name, poolSize: size, strides: size };
    const layer = kind === 'max' ? tfl.layers.maxPooling3d(args) : tfl.layers.averagePooling3d(args);
    return layer.apply(x) as Tensor;
  }

  #kernel(name: string, activation: Activation | null) {
    const seed = layerSeed(this.#seed, name);
    return activation && rectifiers.has(activation)
      ? tfl.initializers.heUniform({ seed })
      : tfl.initializers.leCunUniform({ seed });
  }

  #pad(
    x: Tensor,
    name: string,
    kernelSize: number,
    strides: number,
    padding: 'same' | 'valid' | 'symmetric',
  ) {
    if (padding !== 'symmetric') return { input: x, rule: padding };
    if (strides === 1) return { input: x, rule: 'same' as const };
    if (kernelSize === 1) return { input: x, rule: 'valid' as const };
    const input = zeroPad(x, `${name}_pad`, (kernelSize - 1) / 2);
    return { input, rule: 'valid' as const };
  }
}

/** `margin` zeros on all four sides. */
export function zeroPad(x: Tensor, name: string, margin: number): Tensor {
  return tfl.layers.zeroPadding2d({ name, padding: margin }).apply(x) as Tensor;
}

const rectifiers: ReadonlySet<Activation> = new Set([
  'relu',
  'relu6',
  'elu',
  'gelu',
  'swish',
  'mish',
  'softplus',
  'hardSwish',
]);

/**
 * A seed of its own for each layer: FNV-1a of `seed/name` with a final mix, from 1 to 2^31 (tfjs takes 0 for
 * "no seed" in some of its random functions).
 */
export function layerSeed(seed: number, name: string): number {
  let hash = 0x811c9dc5;
  for (const char of `${seed}/${name}`) hash = Math.imul(hash ^ char.codePointAt(0)!, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return ((hash ^ (hash >>> 16)) >>> 1) + 1;
}
