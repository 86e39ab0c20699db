import type { SymbolicTensor } from '@tensorflow/tfjs-layers';
import type { Activation, SeededLayers } from '../seeded-layers.ts';

export interface ConvNormActivationOptions {
  filters: number;
  /** @default 3 */
  kernelSize?: number;
  /** @default 1 */
  strides?: number;
  padding?: 'same' | 'valid' | 'symmetric';
  norm: 'none' | 'batch';
  /** null: none, as before the addition of a residual block. */
  activation: Activation | null;
  epsilon?: number;
  gamma?: 0 | 1;
}

/**
 * A convolution, its normalisation and its activation: one layer `name` without normalisation, otherwise
 * `name`, `name_bn` and, after the activation, `name_relu` (of relu6 too, or whichever it is).
 */
export function convNormActivation(
  x: SymbolicTensor,
  layers: SeededLayers,
  name: string,
  {
    filters,
    kernelSize = 3,
    strides = 1,
    padding = 'same',
    norm,
    activation,
    ...normOptions
  }: ConvNormActivationOptions,
): SymbolicTensor {
  const window = { filters, kernelSize, strides, padding };
  if (norm === 'none') return layers.conv(x, name, { ...window, activation });
  const convolved = layers.conv(x, name, { ...window, gainOf: activation ?? 'relu', useBias: false });
  const normalised = layers.batchNorm(convolved, `${name}_bn`, normOptions);
  if (!activation) return normalised;
  return layers.activation(
    normalised,
    `${name}_${activation === 'relu6' ? 'relu' : activation.toLowerCase()}`,
    activation,
  );
}
