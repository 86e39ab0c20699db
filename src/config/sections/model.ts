import * as z from 'zod';
import { positiveInt } from './values.ts';

/** The network. */
export const model = z.strictObject({
  backbone: z
    .string()
    .default('small-cnn')
    .describe('Name of a built-in network; ignored when `weights` is set.'),
  options: z
    .record(z.string(), z.unknown())
    .default({})
    .describe('Options of the backbone (docs/models.md).'),
  weights: z
    .string()
    .nullable()
    .default(null)
    .describe('Folder of a tfjs layers-model to start from, e.g. pretrained features.'),
  head: z
    .strictObject({
      kind: z.enum(['gap', 'flatten', 'hidden']).default('gap'),
      from: z.string().nullable().default(null).describe('Layer to put the head on; null: the last one.'),
      hiddenUnits: positiveInt.default(256),
      dropout: z.number().min(0).lt(1).default(0),
    })
    .nullable()
    .default(null)
    .describe('A new classification head for `weights`; null keeps the one that the model has.'),
  inputScaling: z
    .union([
      z.enum(['zero-one', 'minus-one-one', 'imagenet']),
      z.strictObject({
        mean: z.array(z.number()).nonempty().describe('Per channel, of pixels in [0,1].'),
        std: z.array(z.number().positive()).nonempty().describe('Per channel, of pixels in [0,1].'),
      }),
    ])
    .default('zero-one')
    .describe(
      'What the network expects of pixels in [0,1]: as they are, scaled to [-1,1], ImageNet-standardised, or (x - mean) / std.',
    ),
  freeze: z.array(z.string()).default([]).describe('Layer names (globs) that are not trained.'),
});
