import * as tfl from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import type { Activation, SeededLayers } from '../seeded-layers.ts';
import { activationOption, defineBackbone } from './backbone.ts';

/**
 * Wide ResNet (Zagoruyko and Komodakis 2016): three groups of pre-activated residual units, made for 32x32
 * images. WRN-16-2, WRN-40-2 and WRN-28-10 are the ones that distillation papers use. Maps are taken at
 * `final_relu`.
 */
export const wideResnet = defineBackbone({
  description: 'WRN-depth-width, pre-activated, for small images; depth = 6 n + 4.',
  options: z.strictObject({
    depth: z
      .int()
      .refine((depth) => depth >= 10 && (depth - 4) % 6 === 0, {
        error: 'expected 6 n + 4: 10, 16, 22, 28, 34, 40, …',
      })
      .default(16),
    width: z.int().min(1).default(2).describe('Times the 16, 32 and 64 channels of a plain ResNet.'),
    unitDropout: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe('Dropout between the two convolutions of a unit.'),
    activation: activationOption,
    ...headOptions,
  }),
  build(input, layers, { depth, width, unitDropout, activation, ...head }) {
    const units = (depth - 4) / 6;
    let x = layers.conv(input, 'conv1', { filters: 16, kernelSize: 3, useBias: false });
    for (let group = 0; group < 3; group++) {
      for (let i = 1; i <= units; i++) {
        x = preActivatedUnit(x, layers, `block${group + 1}_${i}`, {
          filters: 16 * width * 2 ** group,
          strides: group > 0 && i === 1 ? 2 : 1,
          dropout: unitDropout,
          activation,
        });
      }
    }
    x = layers.activation(layers.batchNorm(x, 'final_bn'), `final_${activation}`, activation);
    return classificationHead(x, layers, head);
  },
});

function preActivatedUnit(
  x: tfl.SymbolicTensor,
  layers: SeededLayers,
  name: string,
  {
    filters,
    strides,
    dropout,
    activation,
  }: { filters: number; strides: number; dropout: number; activation: Activation },
): tfl.SymbolicTensor {
  const conv = { filters, gainOf: activation, useBias: false, padding: 'symmetric' } as const;
  const ready = layers.activation(layers.batchNorm(x, `${name}_bn1`), `${name}_${activation}1`, activation);
  let y = layers.conv(ready, `${name}_conv1`, { ...conv, kernelSize: 3, strides });
  y = layers.activation(layers.batchNorm(y, `${name}_bn2`), `${name}_${activation}2`, activation);
  if (dropout > 0) {
    y = tfl.layers.dropout({ name: `${name}_dropout`, rate: dropout }).apply(y) as tfl.SymbolicTensor;
  }
  y = layers.conv(y, `${name}_conv2`, { ...conv, kernelSize: 3 });
  const shortcut =
    x.shape.at(-1) === filters && strides === 1
      ? x
      : layers.conv(ready, `${name}_shortcut`, { ...conv, kernelSize: 1, strides });
  return tfl.layers.add({ name: `${name}_add` }).apply([y, shortcut]) as tfl.SymbolicTensor;
}
