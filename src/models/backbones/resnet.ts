import * as tfl from '@tensorflow/tfjs-layers';
import * as z from 'zod';
import { classificationHead } from '../classification-head.ts';
import { headOptions } from '../head-options.ts';
import { type Activation, type SeededLayers, zeroPad } from '../seeded-layers.ts';
import { activationOption, defineBackbone, stemOption } from './backbone.ts';
import { convNormActivation } from './conv-norm-activation.ts';

interface UnitOptions {
  width: number;
  strides: number;
  activation: Activation;
  gamma: 0 | 1;
}

type Unit = (
  x: tfl.SymbolicTensor,
  layers: SeededLayers,
  name: string,
  options: UnitOptions,
) => tfl.SymbolicTensor;

/**
 * ResNet (He et al. 2016) with the padding of PyTorch. In the bottleneck the 3x3 convolution strides, as in
 * torchvision ("v1.5"), not the 1x1 as in the paper. Maps are taken at `block4_N_relu`.
 */
function resnet(depth: number, unit: Unit, unitsPerStage: number[]) {
  return defineBackbone({
    description: `ResNet-${depth} as in torchvision.`,
    options: z.strictObject({
      stem: stemOption,
      baseWidth: z.int().min(1).default(64).describe('Channels of the first stage.'),
      zeroLastGamma: z
        .boolean()
        .default(false)
        .describe('Start each residual branch at zero (Goyal et al. 2017).'),
      activation: activationOption,
      ...headOptions,
    }),
    build(input, layers, { stem, baseWidth, zeroLastGamma, activation, ...head }) {
      const stemConv = { filters: baseWidth, padding: 'symmetric', norm: 'batch', activation } as const;
      let x = input;
      if (stem === 'imagenet') {
        x = convNormActivation(x, layers, 'conv1', { ...stemConv, kernelSize: 7, strides: 2 });
        // Padding with zeros equals padding with -infinity after a rectifier.
        x = layers.pool(zeroPad(x, 'pool1_pad', 1), 'pool1', { kind: 'max', size: 3, strides: 2 });
      } else {
        x = convNormActivation(x, layers, 'conv1', stemConv);
      }
      for (const [stage, units] of unitsPerStage.entries()) {
        for (let i = 1; i <= units; i++) {
          x = unit(x, layers, `block${stage + 1}_${i}`, {
            width: baseWidth * 2 ** stage,
            strides: stage > 0 && i === 1 ? 2 : 1,
            activation,
            gamma: zeroLastGamma ? 0 : 1,
          });
        }
      }
      return classificationHead(x, layers, head);
    },
  });
}

const basicUnit: Unit = (x, layers, name, { width, strides, activation, gamma }) => {
  const conv = { filters: width, padding: 'symmetric', norm: 'batch' } as const;
  let y = convNormActivation(x, layers, `${name}_conv1`, { ...conv, strides, activation });
  y = convNormActivation(y, layers, `${name}_conv2`, { ...conv, activation: null, gamma });
  return residualSum(x, y, layers, name, { strides, activation });
};

const bottleneckUnit: Unit = (x, layers, name, { width, strides, activation, gamma }) => {
  const conv = { filters: width, padding: 'symmetric', norm: 'batch' } as const;
  let y = convNormActivation(x, layers, `${name}_conv1`, { ...conv, kernelSize: 1, activation });
  y = convNormActivation(y, layers, `${name}_conv2`, { ...conv, strides, activation });
  const last = { ...conv, filters: 4 * width, kernelSize: 1, activation: null, gamma };
  y = convNormActivation(y, layers, `${name}_conv3`, last);
  return residualSum(x, y, layers, name, { strides, activation });
};

function residualSum(
  x: tfl.SymbolicTensor,
  branch: tfl.SymbolicTensor,
  layers: SeededLayers,
  name: string,
  { strides, activation }: { strides: number; activation: Activation },
): tfl.SymbolicTensor {
  const filters = branch.shape.at(-1)!;
  const keepsShape = strides === 1 && x.shape.at(-1) === filters;
  const shortcut = keepsShape
    ? x
    : convNormActivation(x, layers, `${name}_shortcut`, {
        filters,
        kernelSize: 1,
        strides,
        padding: 'valid',
        norm: 'batch',
        activation: null,
      });
  const sum = tfl.layers.add({ name: `${name}_add` }).apply([branch, shortcut]) as tfl.SymbolicTensor;
  return layers.activation(sum, `${name}_${activation}`, activation);
}

export const resnet18 = resnet(18, basicUnit, [2, 2, 2, 2]);
export const resnet34 = resnet(34, basicUnit, [3, 4, 6, 3]);
export const resnet50 = resnet(50, bottleneckUnit, [3, 4, 6, 3]);
