import * as tfl from '@tensorflow/tfjs-layers';
import type { Activation, SeededLayers } from '../seeded-layers.ts';
import { convNormActivation } from './conv-norm-activation.ts';
import { squeezeExcite } from './squeeze-excite.ts';

export interface InvertedResidualOptions {
  /** Channels between expansion and projection. */
  expanded: number;
  filters: number;
  kernelSize: number;
  strides: number;
  activation: Activation;
  epsilon: number;
  /** Channels of the squeeze; null: no squeeze and excitation. */
  squeeze: { channels: number; activation: Activation; gate: Activation } | null;
}

/**
 * The unit of MobileNet v3 and EfficientNet: expansion, depthwise convolution, squeeze and excitation, projection, and
 * a shortcut where the shape stays. Layers `name_expand`, `name_depthwise`, `name_se_…`, `name_project`, `name_add`.
 */
export function invertedResidual(
  x: tfl.SymbolicTensor,
  layers: SeededLayers,
  name: string,
  { expanded, filters, kernelSize, strides, activation, epsilon, squeeze }: InvertedResidualOptions,
): tfl.SymbolicTensor {
  const channels = x.shape.at(-1)!;
  const point = { kernelSize: 1, norm: 'batch', epsilon } as const;
  let y = x;
  if (expanded !== channels) {
    y = convNormActivation(y, layers, `${name}_expand`, { ...point, filters: expanded, activation });
  }
  y = layers.depthwiseConv(y, `${name}_depthwise`, {
    kernelSize,
    strides,
    padding: 'symmetric',
    gainOf: activation,
    useBias: false,
  });
  y = layers.batchNorm(y, `${name}_depthwise_bn`, { epsilon });
  y = layers.activation(y, `${name}_depthwise_${activation.toLowerCase()}`, activation);
  if (squeeze) y = squeezeExcite(y, layers, `${name}_se`, squeeze);
  y = convNormActivation(y, layers, `${name}_project`, { ...point, filters, activation: null });
  if (strides !== 1 || channels !== filters) return y;
  return tfl.layers.add({ name: `${name}_add` }).apply([x, y]) as tfl.SymbolicTensor;
}
