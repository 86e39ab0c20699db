import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import { roundToEight } from '../round-to-eight.ts';
import { defineBackbone, stemOption } from './backbone.ts';
import { convNormActivation } from './conv-norm-activation.ts';
import { invertedResidual } from './inverted-residual.ts';

/** The paper's table 1. */
const stages: [expansion: number, kernel: number, strides: number, filters: number, repeats: number][] = [
  [1, 3, 1, 16, 1],
  [6, 3, 2, 24, 2],
  [6, 5, 2, 40, 2],
  [6, 3, 2, 80, 3],
  [6, 5, 1, 112, 3],
  [6, 5, 2, 192, 4],
  [6, 3, 1, 320, 1],
];

/**
 * EfficientNet (Tan and Le 2019) as in torchvision, without its stochastic depth. `width` and `depth` make the larger
 * ones of it: 1.0 and 1.1 are B1, 1.1 and 1.2 B2, 1.2 and 1.4 B3. Maps are taken at `conv_last_swish`.
 */
export const efficientnetB0 = defineBackbone({
  description: 'EfficientNet-B0 as in torchvision; width and depth make B1 … B7 of it.',
  options: z.strictObject({
    width: z.number().positive().default(1).describe('Times the number of channels of each layer.'),
    depth: z.number().positive().default(1).describe('Times the number of units of each stage, rounded up.'),
    stem: stemOption,
    epsilon: z.number().positive().default(1e-5).describe('Of the batch normalisation.'),
    ...headOptions,
  }),
  build(input, layers, { width, depth, stem, epsilon, ...head }) {
    const wide = (channels: number) => roundToEight(channels * width);
    let x = convNormActivation(input, layers, 'conv1', {
      filters: wide(32),
      strides: stem === 'imagenet' ? 2 : 1,
      padding: 'symmetric',
      norm: 'batch',
      activation: 'swish',
      epsilon,
    });
    for (const [stage, [expansion, kernelSize, strides, filters, repeats]] of stages.entries()) {
      for (let i = 1; i <= Math.ceil(repeats * depth); i++) {
        const channels = x.shape.at(-1)!;
        x = invertedResidual(x, layers, `block${stage + 1}_${i}`, {
          kernelSize,
          expanded: roundToEight(channels * expansion),
          filters: wide(filters),
          strides: i === 1 ? strides : 1,
          activation: 'swish',
          epsilon,
          squeeze: {
            channels: Math.max(1, Math.floor(channels / 4)),
            activation: 'swish',
            gate: 'sigmoid',
          },
        });
      }
    }
    x = convNormActivation(x, layers, 'conv_last', {
      filters: 4 * wide(320),
      kernelSize: 1,
      norm: 'batch',
      activation: 'swish',
      epsilon,
    });
    return classificationHead(x, layers, head);
  },
});
