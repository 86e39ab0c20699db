import * as tfl from '@tensorflow/tfjs-layers';
import type { Activation, SeededLayers } from '../seeded-layers.ts';

/**
 * Squeeze and excitation (Hu et al. 2018): each channel times a number that two 1x1 convolutions make of the means of
 * all channels. Layers `name_squeeze`, `name_reduce`, `name_expand`, `name_scale`.
 */
export function squeezeExcite(
  x: tfl.SymbolicTensor,
  layers: SeededLayers,
  name: string,
  { channels, activation, gate }: { channels: number; activation: Activation; gate: Activation },
): tfl.SymbolicTensor {
  const width = x.shape.at(-1)!;
  const pooled = tfl.layers
    .globalAveragePooling2d({ name: `${name}_squeeze`, dataFormat: 'channelsLast' })
    .apply(x);
  const pixel = tfl.layers
    .reshape({ name: `${name}_pixel`, targetShape: [1, 1, width] })
    .apply(pooled) as tfl.SymbolicTensor;
  const point = { kernelSize: 1, padding: 'valid' } as const;
  const reduced = layers.conv(pixel, `${name}_reduce`, { ...point, filters: channels, activation });
  const expanded = layers.conv(reduced, `${name}_expand`, { ...point, filters: width, activation: gate });
  return tfl.layers.multiply({ name: `${name}_scale` }).apply([x, expanded]) as tfl.SymbolicTensor;
}
