import * as tfl from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import { roundToEight } from '../round-to-eight.ts';
import type { SeededLayers } from '../seeded-layers.ts';
import { defineBackbone, stemOption } from './backbone.ts';
import { convNormActivation } from './conv-norm-activation.ts';

/** The paper's table 2: expansion, channels, repeats, first stride. */
const stages: [expansion: number, filters: number, repeats: number, strides: number][] = [
  [1, 16, 1, 1],
  [6, 24, 2, 2],
  [6, 32, 3, 2],
  [6, 64, 4, 2],
  [6, 96, 3, 1],
  [6, 160, 3, 2],
  [6, 320, 1, 1],
];

/** MobileNet v2 (Sandler et al. 2018) as in torchvision. Maps are taken at `conv_last_relu`. */
export const mobilenetV2 = defineBackbone({
  description: 'MobileNet v2 as in torchvision.',
  options: z.strictObject({
    alpha: z.number().positive().default(1).describe('Times the number of channels of each layer.'),
    stem: stemOption,
    ...headOptions,
  }),
  build(input, layers, { alpha, stem, ...head }) {
    let x = convNormActivation(input, layers, 'conv1', {
      filters: roundToEight(32 * alpha),
      strides: stem === 'imagenet' ? 2 : 1,
      padding: 'symmetric',
      norm: 'batch',
      activation: 'relu6',
    });
    for (const [stage, [expansion, filters, repeats, strides]] of stages.entries()) {
      for (let i = 1; i <= repeats; i++) {
        x = invertedResidual(x, layers, `block${stage + 1}_${i}`, {
          expansion,
          filters: roundToEight(filters * alpha),
          strides: i === 1 ? strides : 1,
        });
      }
    }
    x = convNormActivation(x, layers, 'conv_last', {
      filters: roundToEight(1280 * Math.max(1, alpha)),
      kernelSize: 1,
      norm: 'batch',
      activation: 'relu6',
    });
    return classificationHead(x, layers, head);
  },
});

function invertedResidual(
  x: tfl.SymbolicTensor,
  layers: SeededLayers,
  name: string,
  { expansion, filters, strides }: { expansion: number; filters: number; strides: number },
): tfl.SymbolicTensor {
  const channels = x.shape.at(-1)!;
  const pointwise = { kernelSize: 1, norm: 'batch' } as const;
  let y = x;
  if (expansion > 1) {
    const expanded = { ...pointwise, filters: channels * expansion, activation: 'relu6' } as const;
    y = convNormActivation(y, layers, `${name}_expand`, expanded);
  }
  const window = { kernelSize: 3, strides, padding: 'symmetric', gainOf: 'relu6', useBias: false } as const;
  y = layers.depthwiseConv(y, `${name}_depthwise`, window);
  y = layers.activation(layers.batchNorm(y, `${name}_depthwise_bn`), `${name}_depthwise_relu`, 'relu6');
  y = convNormActivation(y, layers, `${name}_project`, { ...pointwise, filters, activation: null });
  if (strides !== 1 || channels !== filters) return y;
  return tfl.layers.add({ name: `${name}_add` }).apply([x, y]) as tfl.SymbolicTensor;
}
