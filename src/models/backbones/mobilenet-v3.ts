import * as tfl from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import { roundToEight } from '../round-to-eight.ts';
import { defineBackbone, stemOption } from './backbone.ts';
import { convNormActivation } from './conv-norm-activation.ts';
import { invertedResidual } from './inverted-residual.ts';

type Unit = [
  kernel: number,
  expanded: number,
  filters: number,
  squeeze: boolean,
  activation: 'relu' | 'hardSwish',
  strides: number,
];

/** The paper's tables 1 and 2. */
const small: Unit[] = [
  [3, 16, 16, true, 'relu', 2],
  [3, 72, 24, false, 'relu', 2],
  [3, 88, 24, false, 'relu', 1],
  [5, 96, 40, true, 'hardSwish', 2],
  [5, 240, 40, true, 'hardSwish', 1],
  [5, 240, 40, true, 'hardSwish', 1],
  [5, 120, 48, true, 'hardSwish', 1],
  [5, 144, 48, true, 'hardSwish', 1],
  [5, 288, 96, true, 'hardSwish', 2],
  [5, 576, 96, true, 'hardSwish', 1],
  [5, 576, 96, true, 'hardSwish', 1],
];
const large: Unit[] = [
  [3, 16, 16, false, 'relu', 1],
  [3, 64, 24, false, 'relu', 2],
  [3, 72, 24, false, 'relu', 1],
  [5, 72, 40, true, 'relu', 2],
  [5, 120, 40, true, 'relu', 1],
  [5, 120, 40, true, 'relu', 1],
  [3, 240, 80, false, 'hardSwish', 2],
  [3, 200, 80, false, 'hardSwish', 1],
  [3, 184, 80, false, 'hardSwish', 1],
  [3, 184, 80, false, 'hardSwish', 1],
  [3, 480, 112, true, 'hardSwish', 1],
  [3, 672, 112, true, 'hardSwish', 1],
  [5, 672, 160, true, 'hardSwish', 2],
  [5, 960, 160, true, 'hardSwish', 1],
  [5, 960, 160, true, 'hardSwish', 1],
];

/** MobileNet v3 (Howard et al. 2019) as in torchvision. Maps are taken at `conv_last_hardswish`. */
function mobilenetV3(size: string, units: Unit[], hiddenUnits: number) {
  return defineBackbone({
    description: `MobileNet v3 ${size} as in torchvision.`,
    options: z.strictObject({
      alpha: z.number().positive().default(1).describe('Times the number of channels of each layer.'),
      stem: stemOption,
      epsilon: z.number().positive().default(1e-3).describe('Of the batch normalisation; 1e-5 in timm.'),
      hiddenLayer: z
        .boolean()
        .default(false)
        .describe('The dense layer of the paper between pooling and scores; CAM needs a head without it.'),
      ...headOptions,
    }),
    build(input, layers, { alpha, stem, epsilon, hiddenLayer, ...head }) {
      const width = (channels: number) => roundToEight(channels * alpha);
      let x = convNormActivation(input, layers, 'conv1', {
        filters: width(16),
        strides: stem === 'imagenet' ? 2 : 1,
        padding: 'symmetric',
        norm: 'batch',
        activation: 'hardSwish',
        epsilon,
      });
      for (const [i, [kernelSize, expanded, filters, squeeze, activation, strides]] of units.entries()) {
        x = invertedResidual(x, layers, `block${i + 1}`, {
          kernelSize,
          expanded: width(expanded),
          filters: width(filters),
          strides,
          activation,
          epsilon,
          squeeze: squeeze
            ? { channels: roundToEight(width(expanded) / 4), activation: 'relu', gate: 'hardSigmoid6' }
            : null,
        });
      }
      x = convNormActivation(x, layers, 'conv_last', {
        filters: 6 * width(units.at(-1)![2]),
        kernelSize: 1,
        norm: 'batch',
        activation: 'hardSwish',
        epsilon,
      });
      if (hiddenLayer) {
        x = tfl.layers
          .globalAveragePooling2d({ name: 'pool', dataFormat: 'channelsLast' })
          .apply(x) as typeof x;
        x = layers.dense(x, 'hidden', { units: width(hiddenUnits), activation: 'hardSwish' });
      }
      return classificationHead(x, layers, head);
    },
  });
}

export const mobilenetV3Small = mobilenetV3('small', small, 1024);
export const mobilenetV3Large = mobilenetV3('large', large, 1280);
