import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import { activationOption, defineBackbone } from './backbone.ts';

/** The plain stack for clips and volumes: 3x3x3 convolutions, pooled over the frame first and over time later. */
export const smallCnn3d = defineBackbone({
  description:
    'For clips and volumes: a plain stack of 3x3x3 convolutions (as C3D, Tran et al. 2015), one pooling between two ' +
    'blocks and none after the last; the first pools frames alone, so that motion is still there to be seen.',
  volumes: true,
  options: z.strictObject({
    widths: z
      .array(z.int().min(1))
      .min(1)
      .default([12, 24, 48])
      .describe('Channels of each block; their number is the number of blocks.'),
    timePools: z
      .int()
      .min(0)
      .default(1)
      .describe('How many of the poolings, the last ones, halve the number of frames too.'),
    pool: z.enum(['max', 'avg']).default('max'),
    activation: activationOption,
    ...headOptions,
  }),
  build(input, layers, { widths, timePools, pool, activation, ...head }) {
    let x = input;
    for (const [block, filters] of widths.entries()) {
      if (block > 0) {
        const time = block >= widths.length - timePools ? 2 : 1;
        x = layers.pool3d(x, `pool${block}`, { kind: pool, size: [time, 2, 2] });
      }
      x = layers.conv3d(x, `conv${block + 1}`, { filters, activation });
    }
    return classificationHead(x, layers, head);
  },
});
