import * as z from 'zod';
import { positiveInt, term } from './values.ts';

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

const robust = guided.extend({
  ...guidedPixels('sum'),
  epsilon: z.number().positive().default(0.1).describe('How far a neighbour may be; pixels are 0 to 1.'),
});
/** Rules of layer-wise relevance propagation by name; those of `src/gradcam`. */
export const relevanceComposites = z.enum([
  'epsilon',
  'epsilon-box',
  'z-plus',
  'gamma',
  'epsilon-plus',
  'epsilon-plus-flat',
  'epsilon-alpha2-beta1',
  'epsilon-gamma-box',
]);
const fills = ['zero', 'mean', 'blur', 'noise'] as const;

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
      signed: guided
        .extend({
          norm: z.enum(['l1', 'l2']).default('l1'),
          pixels: z
            .enum(['sum', 'mean'])
            .nullable()
            .default(null)
            .describe('null: sum; mean for the method cam.'),
          classes: z
            .array(z.string())
            .min(1)
            .nullable()
            .default(null)
            .describe('Names of the classes whose maps are judged; null: all.'),
          absent: z.boolean().default(true).describe('Maps of classes that are not in an image count too.'),
        })
        .prefault({})
        .describe('Evidence off the object, for or against a class, neither clipped nor normalised.'),
      randR4: robust
        .extend({ draws: positiveInt.default(10).describe('Neighbours of an image.') })
        .prefault({})
        .describe('R4 2025: the largest input gradient at random neighbours. Costs rrr times draws.'),
      pgdR4: robust
        .extend({ steps: positiveInt.default(10) })
        .prefault({})
        .describe('R4 2025: input gradient at a neighbour found by steps up the loss.'),
      rbr: guided
        .extend(guidedPixels('sum'))
        .prefault({})
        .describe('Shao 2021 as in the XIL benchmark: influence times input gradient. A third derivative.'),
      isnet: guided
        .extend({
          composite: relevanceComposites.default('epsilon-box').describe('Rules of the way back.'),
          epsilon: z
            .number()
            .min(0)
            .default(0.01)
            .describe('Of the rules; a smaller one makes gradients unsteady.'),
          decay: z
            .number()
            .min(0)
            .max(1)
            .default(0.9)
            .describe('0: the brightest pixel off the object counts alone; 1: all alike.'),
          tolerance: z.number().positive().default(1).describe('E of the paper.'),
          foreground: z
            .tuple([z.number().positive(), z.number().positive()])
            .default([1, 25])
            .describe("Between these the object's relevance may lie."),
          foregroundWeight: z.number().min(0).default(3),
        })
        .prefault({})
        .describe('ISNet 2024: layer-wise relevance off the object.'),
      consistency: term
        .extend({
          clip: z.number().positive().nullable().default(null),
          threshold: z
            .number()
            .min(0)
            .lt(1)
            .default(0.3)
            .describe('Rows above this share of the largest are compared, stretched to one height.'),
        })
        .prefault({})
        .describe('CASN 2019: two images of a label are attended at the same heights. Needs no masks.'),
      erase: guided
        .extend({ fill: z.enum(fills).default('mean').describe('What is filled in.') })
        .prefault({})
        .describe('Chang 2021: without its object the answer is no.'),
      keep: guided
        .extend({
          ground: z
            .enum(['others', ...fills])
            .default('others')
            .describe('others: an image of the batch without the class; or a filling.'),
        })
        .prefault({})
        .describe('VisFIS 2022: the object alone, on another ground, is enough for a yes.'),
      counterexamples: guided
        .prefault({})
        .describe('CE of the XIL benchmark: noise where nothing should matter, the same label.'),
      maskTune: guided
        .extend({
          deviations: z.number().default(2).describe('Attended: so many above the mean of a map.'),
          fill: z.enum(fills).default('zero'),
        })
        .prefault({})
        .describe(
          'MaskTune 2022: the most attended region removed. Needs no masks; for a last epoch, see the docs.',
        ),
    })
    .prefault({}),
});
