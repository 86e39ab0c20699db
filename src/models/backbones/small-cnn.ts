import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import { activationOption, defineBackbone, normOption } from './backbone.ts';
import { convNormActivation } from './conv-norm-activation.ts';

/** A plain stack: blocks of 3x3 convolutions with a pooling between them, none after the last. */
export const smallCnn = defineBackbone({
  description:
    'A plain stack of 3x3 convolutions, one pooling between two blocks and none after the last, so that the ' +
    'maps of 64x64 images have 8x8 pixels.',
  options: z.strictObject({
    widths: z
      .array(z.int().min(1))
      .min(1)
      .default([32, 64, 128, 128])
      .describe('Channels of each block; their number is the number of blocks.'),
    convsPerBlock: z.int().min(1).default(1),
    pool: z.enum(['max', 'avg']).default('max'),
    norm: normOption,
    activation: activationOption,
    ...headOptions,
  }),
  build(input, layers, { widths, convsPerBlock, pool, norm, activation, ...head }) {
    let x = input;
    for (const [block, filters] of widths.entries()) {
      if (block > 0) x = layers.pool(x, `pool${block}`, { kind: pool });
      for (let i = 1; i <= convsPerBlock; i++) {
        x = convNormActivation(x, layers, `conv${block + 1}_${i}`, { filters, norm, activation });
      }
    }
    return classificationHead(x, layers, head);
  },
});
