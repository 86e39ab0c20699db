import * as z from 'zod';
import { ramp } from './values.ts';

/** Names of map methods. */
export const mapMethod = z.enum([
  'cam',
  'grad-cam',
  'grad-cam++',
  'grad-cam++-normalized',
  'layer-cam',
  'hires-cam',
  'x-grad-cam',
]);

/** The losses of GAIN and its maps. */
export const gain = z.strictObject({
  method: mapMethod.default('grad-cam').describe('Explanation inside the training step. Paper: grad-cam.'),
  targetLayer: z
    .string()
    .default('auto')
    .describe('Layer whose map is trained; auto: last one with spatial extent.'),
  link: z
    .enum(['auto', 'sigmoid', 'softmax'])
    .default('auto')
    .describe('sigmoid: multi-label; softmax: one label per image; auto: what the data set is.'),
  losses: z
    .strictObject({
      classification: ramp(1).prefault({}).describe('L_cl.'),
      mining: ramp(1).prefault({}).describe('L_am, Eq 5 and 6. Paper: weight alpha = 1 from the start.'),
      supervision: ramp(10).prefault({}).describe('L_e, Eq 7 and 8. Paper: weight omega = 10.'),
    })
    .prefault({}),
  differentiateWeights: z
    .boolean()
    .default(true)
    .describe("Differentiate through the map's weights (second order). Public implementations do not."),
  miningGradient: z
    .enum(['all', 'mask', 'parameters'])
    .default('all')
    .describe(
      'What L_am reaches: everything (paper), only the mask, or only the parameters of the second pass.',
    ),
  miningScore: z
    .enum(['probability', 'logit'])
    .default('probability')
    .describe("Score of the masked image: the probability of the loss's own link, or the logit."),
  classesToMine: z
    .enum(['all', 'random'])
    .default('all')
    .describe('Every label of an image, or one drawn per step.'),
  normalization: z
    .enum(['min-max', 'max', 'none'])
    .default('min-max')
    .describe('Per map, before the soft mask.'),
  softMask: z
    .strictObject({
      sigma: z.number().default(0.5).describe('Threshold (Eq 4). The paper gives no value.'),
      omega: z.number().positive().default(10).describe('Steepness (Eq 4). The paper gives no value.'),
    })
    .prefault({}),
  fill: z
    .enum(['zero', 'mean', 'blur', 'noise'])
    .default('zero')
    .describe('What replaces the removed region. Paper (Eq 3): zero.'),
  secondPassBatchNorm: z
    .enum(['batch', 'inference', 'update'])
    .default('batch')
    .describe('Statistics of the pass over masked images; only update moves the running averages.'),
});
