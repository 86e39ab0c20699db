import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import { defineBackbone, stemOption } from './backbone.ts';
import { convNormActivation } from './conv-norm-activation.ts';

/** Channels and stride of the thirteen separable convolutions, from the paper's table 1. */
const separableConvs: [filters: number, strides: number][] = [
  [64, 1],
  [128, 2],
  [128, 1],
  [256, 2],
  [256, 1],
  [512, 2],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [512, 1],
  [1024, 2],
  [1024, 1],
];

/**
 * MobileNet v1 (Howard et al. 2017), with the layer names, padding and epsilon of Keras, so that its weights
 * fit by name. Maps are taken at `conv_pw_13_relu`.
 */
export const mobilenetV1 = defineBackbone({
  description: 'MobileNet v1 with the layer names of Keras.',
  options: z.strictObject({
    alpha: z.number().positive().default(1).describe('Times the number of channels of each layer.'),
    stem: stemOption,
    padding: z
      .enum(['same', 'symmetric'])
      .default('same')
      .describe('Where strides are: as TensorFlow pads, or as PyTorch does.'),
    epsilon: z.number().positive().default(1e-3).describe('Of the batch normalisation; 1e-5 in PyTorch.'),
    ...headOptions,
  }),
  build(input, layers, { alpha, stem, padding, epsilon, ...head }) {
    const norm = { norm: 'batch', epsilon, padding } as const;
    const width = (filters: number) => Math.max(1, Math.floor(filters * alpha));
    let x = convNormActivation(input, layers, 'conv1', {
      ...norm,
      filters: width(32),
      strides: stem === 'imagenet' ? 2 : 1,
      activation: 'relu6',
    });
    for (const [i, [filters, strides]] of separableConvs.entries()) {
      const name = `conv_dw_${i + 1}`;
      x = layers.depthwiseConv(x, name, { kernelSize: 3, strides, padding, gainOf: 'relu6', useBias: false });
      x = layers.activation(layers.batchNorm(x, `${name}_bn`, { epsilon }), `${name}_relu`, 'relu6');
      x = convNormActivation(x, layers, `conv_pw_${i + 1}`, {
        ...norm,
        filters: width(filters),
        kernelSize: 1,
        activation: 'relu6',
      });
    }
    return classificationHead(x, layers, head);
  },
});
