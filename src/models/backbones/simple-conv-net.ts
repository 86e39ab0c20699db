import * as tfl from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { activationOption, defineBackbone } from './backbone.ts';

/**
 * The network of the XIL benchmark ("A Typology for Exploring the Mitigation of Shortcut Behavior"): two
 * valid 5x5 convolutions, each with a pooling, and two dense layers; 233,196 parameters on 28x28x1.
 * Grad-CAM is taken at `conv2`.
 */
export const simpleConvNet = defineBackbone({
  description:
    'The network of the XIL benchmark: two valid 5x5 convolutions with pooling, two dense layers; the usual ' +
    'target layer is conv2, not the last layer with spatial extent (pool2).',
  options: z.strictObject({
    widths: z.tuple([z.int().min(1), z.int().min(1)]).default([20, 50]),
    hiddenUnits: z.int().min(1).default(256),
    activation: activationOption,
  }),
  build(input, layers, { classes, widths, hiddenUnits, activation }) {
    let x = input;
    for (const [i, filters] of widths.entries()) {
      x = layers.conv(x, `conv${i + 1}`, { filters, kernelSize: 5, padding: 'valid', activation });
      x = layers.pool(x, `pool${i + 1}`, { kind: 'max' });
    }
    x = tfl.layers.flatten({ name: 'flatten' }).apply(x) as tfl.SymbolicTensor;
    x = layers.dense(x, 'hidden', { units: hiddenUnits, activation });
    return layers.dense(x, 'logits', { units: classes });
  },
});
