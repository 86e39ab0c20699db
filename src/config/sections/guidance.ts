import * as z from 'zod';
import { term } from './values.ts';

const guided = term.extend({
  images: z
    .enum(['masked', 'batch', 'sum'])
    .default('masked')
    .describe('Mean over the images with masks, or over the batch, or the sum that the papers write.'),
  clip: z
    .number()
    .positive()
    .nullable()
    .default(null)
    .describe('A value above this becomes this, without gradient, as in the XIL benchmark; null: none.'),
});
const guidedPixels = (pixels: 'sum' | 'mean') => ({ pixels: z.enum(['sum', 'mean']).default(pixels) });
const normalized = (how: 'min-max' | 'max') => ({
  normalization: z
    .enum(['min-max', 'max', 'l2', 'none'])
    .default(how)
    .describe(`Of each map before it is judged. Paper: ${how}.`),
});

/** Guided losses of the literature beside those of GAIN. */
export const guidance = z.strictObject({
  maps: z
    .strictObject({
      relu: z.boolean().default(true).describe('Clip maps at 0. XIL benchmark: false.'),
      resolution: z
        .enum(['mask', 'map'])
        .default('mask')
        .describe('Maps are upsampled to the masks, or masks averaged down to the maps.'),
    })
    .prefault({})
    .describe('Method, layer and differentiateWeights are those of gain.'),
  losses: z
    .strictObject({
      rrr: guided
        .extend(guidedPixels('sum'))
        .prefault({})
        .describe('Ross 2017: squared input gradient where it must not be.'),
      rrrG: guided
        .extend({ ...guidedPixels('sum'), ...normalized('min-max') })
        .prefault({})
        .describe('Schramowski 2020, XIL benchmark: squared map where it must not be.'),
      hint: guided
        .extend({ ...guidedPixels('mean'), ...normalized('min-max') })
        .prefault({})
        .describe('HINT as in the XIL benchmark: squared distance of map and mask.'),
      energy: guided.prefault({}).describe('Model Guidance 2023: share of the map that lies elsewhere.'),
      ppce: guided
        .extend({ ...normalized('max'), floor: z.number().positive().lt(1).default(1e-6) })
        .prefault({})
        .describe('Per-pixel cross-entropy: every pixel that matters is to be bright.'),
      l1: guided.extend(normalized('max')).prefault({}).describe('Absolute distance of map and mask.'),
      rrrStar: guided
        .extend({ ...guidedPixels('sum'), ...normalized('max') })
        .prefault({})
        .describe('RRR* of Model Guidance 2023: squared map where it must not be.'),
    })
    .prefault({}),
});
