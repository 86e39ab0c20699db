import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import { activationOption, defineBackbone, normOption } from './backbone.ts';
import { convNormActivation } from './conv-norm-activation.ts';

/**
 * VGG (Simonyan and Zisserman 2015): blocks of 3x3 convolutions `conv1_1` … `conv5_3`, a 2x2 max pooling after
 * each. The paper's head is `hidden` with [4096, 4096] units and dropout 0.5, 124 M parameters at 224x224;
 * the default here is global average pooling, which has none of them and takes any input size.
 */
function vgg(depth: number, convsPerBlock: number[]) {
  return defineBackbone({
    description: `VGG-${depth}; head "hidden" with hiddenUnits [4096, 4096] and dropout 0.5 is the paper's.`,
    options: z.strictObject({
      baseWidth: z
        .int()
        .min(1)
        .default(64)
        .describe('Channels of the first block; the last has eight times as many.'),
      lastPool: z.boolean().default(true).describe('The pooling after the last block, as in the paper.'),
      norm: normOption,
      activation: activationOption,
      ...headOptions,
    }),
    build(input, layers, { baseWidth, lastPool, norm, activation, ...head }) {
      let x = input;
      for (const [block, convs] of convsPerBlock.entries()) {
        const filters = baseWidth * Math.min(2 ** block, 8);
        for (let i = 1; i <= convs; i++) {
          x = convNormActivation(x, layers, `conv${block + 1}_${i}`, { filters, norm, activation });
        }
        const isLast = block === convsPerBlock.length - 1;
        if (!isLast || lastPool) x = layers.pool(x, `pool${block + 1}`, { kind: 'max' });
      }
      return classificationHead(x, layers, head);
    },
  });
}

export const vgg11 = vgg(11, [1, 1, 2, 2, 2]);
export const vgg16 = vgg(16, [2, 2, 3, 3, 3]);
