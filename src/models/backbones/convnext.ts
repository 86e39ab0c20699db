import * as tfl from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import type { SeededLayers } from '../seeded-layers.ts';
import { defineBackbone } from './backbone.ts';

/**
 * ConvNeXt (Liu et al. 2022) as in torchvision, without its stochastic depth. Maps are taken at `stage4_3_add`.
 */
export const convnextTiny = defineBackbone({
  description: 'ConvNeXt-T as in torchvision.',
  options: z.strictObject({
    widths: z
      .array(z.int().min(1))
      .length(4)
      .default([96, 192, 384, 768])
      .describe('Channels of each stage.'),
    depths: z.array(z.int().min(1)).length(4).default([3, 3, 9, 3]).describe('Units of each stage.'),
    patch: z
      .int()
      .min(1)
      .default(4)
      .describe('Extent and stride of the first convolution; 2 for small images.'),
    ...headOptions,
  }),
  build(input, layers, { widths, depths, patch, ...head }) {
    const cut = (size: number) => ({ kernelSize: size, strides: size, padding: 'valid' }) as const;
    let x = layers.conv(input, 'stem', { ...cut(patch), filters: widths[0]! });
    x = layers.layerNorm(x, 'stem_norm');
    for (const [stage, filters] of widths.entries()) {
      if (stage > 0) {
        x = layers.layerNorm(x, `down${stage + 1}_norm`);
        x = layers.conv(x, `down${stage + 1}`, { ...cut(2), filters });
      }
      for (let i = 1; i <= depths[stage]!; i++) x = unit(x, layers, `stage${stage + 1}_${i}`);
    }
    if (head.head === 'gap') {
      x = tfl.layers
        .globalAveragePooling2d({ name: 'pool', dataFormat: 'channelsLast' })
        .apply(x) as typeof x;
      x = layers.layerNorm(x, 'head_norm');
    }
    return classificationHead(x, layers, head);
  },
});

function unit(x: tfl.SymbolicTensor, layers: SeededLayers, name: string): tfl.SymbolicTensor {
  const channels = x.shape.at(-1)!;
  let y = layers.depthwiseConv(x, `${name}_depthwise`, { kernelSize: 7 });
  y = layers.layerNorm(y, `${name}_norm`);
  y = layers.dense(y, `${name}_expand`, { units: 4 * channels, activation: 'gelu' });
  y = layers.dense(y, `${name}_project`, { units: channels });
  y = layers.channelScale(y, `${name}_scale`, 1e-6);
  return tfl.layers.add({ name: `${name}_add` }).apply([x, y]) as tfl.SymbolicTensor;
}
