import * as z from 'zod';
import { positiveInt } from './values.ts';

/** What a network expects of pixels in [0,1]. */
export const inputScaling = z.union([
  z.enum(['zero-one', 'minus-one-one', 'imagenet', 'zero-255', 'caffe']),
  z.strictObject({
    mean: z.array(z.number()).nonempty().describe('Per channel, of pixels in [0,1].'),
    std: z.array(z.number().positive()).nonempty().describe('Per channel, of pixels in [0,1].'),
  }),
]);

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
    .describe(
      'What to start from: a network: folder of a tfjs layers-model, .keras, .h5, .onnx, or .safetensors and .pth of torchvision and timm.',
    ),
  head: z
    .strictObject({
      kind: z.enum(['gap', 'flatten', 'hidden']).default('gap'),
      from: z
        .string()
        .nullable()
        .default(null)
        .describe(
          'Layer to put the head on, `model/layer` inside a model; null: the last one, or what a classifier reads.',
        ),
      hiddenUnits: positiveInt.default(256),
      dropout: z.number().min(0).lt(1).default(0),
    })
    .nullable()
    .default(null)
    .describe('A new classification head for `weights`; null keeps the one that the model has.'),
  inputScaling: inputScaling
    .default('zero-one')
    .describe(
      'What the network expects of pixels in [0,1]: as they are, scaled to [-1,1], ImageNet-standardised, from 0 to 255, ' +
        'as Caffe has them (blue first, less the mean), or (x - mean) / std.',
    ),
  freeze: z.array(z.string()).default([]).describe('Layer names (globs) that are not trained.'),
});
