import * as tf from '@tensorflow/tfjs-core';
import { ModelError } from '../../errors/index.ts';
import { activationName, type Layer, withFields, withoutActivation } from '../layer.ts';
import type { LinearMap } from './share.ts';

/**
 * What a layer is to a rule that goes back through it:
 * - `weighted`: linear, with weights and perhaps an activation behind them
 * - `normalization`: batch normalisation
 * - `elementwise`: an activation, or noise: each value by itself
 * - `winner`: the largest of several
 * - `mixing`: linear without weights to be told apart: means, sums, scales
 * - `moving`: rearranges, nothing is mixed
 * - `product`: a signal times a gate
 * - `layer-norm`, `attention-mix`, `attention-weights`: of transformers
 */
export type LayerKind =
  | 'weighted'
  | 'normalization'
  | 'elementwise'
  | 'winner'
  | 'mixing'
  | 'moving'
  | 'product'
  | 'layer-norm'
  | 'attention-mix'
  | 'attention-weights';

const kinds: Readonly<Record<string, LayerKind>> = Object.fromEntries(
  (
    [
      [
        'weighted',
        'Dense Conv1D Conv2D Conv3D Conv2DTranspose Conv3DTranspose DepthwiseConv2D SeparableConv2D',
      ],
      ['normalization', 'BatchNormalization'],
      [
        'elementwise',
        'Activation ReLU LeakyReLU PReLU ELU ThresholdedReLU Softmax Dropout SpatialDropout1D AlphaDropout ' +
          'GaussianDropout GaussianNoise GeneralReLU ScaledELU',
      ],
      [
        'winner',
        'MaxPooling1D MaxPooling2D MaxPooling3D GlobalMaxPooling1D GlobalMaxPooling2D Maximum Minimum',
      ],
      [
        'mixing',
        'AveragePooling1D AveragePooling2D AveragePooling3D GlobalAveragePooling1D GlobalAveragePooling2D Add Average ' +
          'UpSampling2D ChannelScale ImageResizing TokenEmbedding GroupedConv2D DilatedDepthwiseConv2D ' +
          'MultipliedSeparableConv2D Rescaling',
      ],
      [
        'moving',
        'Flatten Reshape Permute ZeroPadding2D Cropping2D Concatenate MiddleCrop ChannelOrder InputLayer Identity',
      ],
      ['product', 'Multiply'],
      ['layer-norm', 'LayerNormalization'],
      ['attention-mix', 'AttentionMix'],
      ['attention-weights', 'AttentionWeights'],
    ] as const
  ).flatMap(([kind, names]) => names.split(' ').map((name) => [name, kind])),
);

/** Operations of imported graphs (`TensorOp`), by name; products and quotients depend on whether a constant is in them. */
const operations: Readonly<Record<string, LayerKind>> = {
  add: 'mixing',
  sub: 'mixing',
  neg: 'mixing',
  mean: 'mixing',
  sum: 'mixing',
  reshape: 'moving',
  transpose: 'moving',
  slice: 'moving',
  pick: 'moving',
  pad: 'moving',
  concat: 'moving',
  clip: 'elementwise',
  gelu: 'elementwise',
  hardSigmoid: 'elementwise',
};

function operationKind(layer: Layer): LayerKind | undefined {
  const { operation, constantShape, constantFirst } = layer as unknown as {
    operation: string;
    constantShape: number[] | null;
    constantFirst: boolean;
  };
  if (operation === 'mul') return constantShape ? 'mixing' : 'product';
  if (operation === 'matMul' || operation === 'div') {
    return constantShape && !constantFirst ? 'mixing' : undefined;
  }
  return operations[operation];
}

/**
 * @throws {ModelError} for a layer that no rule is known of, naming it
 */
export function kindOf(layer: Layer, path: string, purpose: string): LayerKind {
  const name = layer.getClassName();
  const pooled = name === 'GlobalPooling' || name === 'TokenPool' ? poolingKind(layer) : undefined;
  const kind = name === 'TensorOp' ? operationKind(layer) : (pooled ?? kinds[name]);
  const activation = activationName(layer) ?? 'linear';
  if (
    kind !== 'elementwise' &&
    kind !== 'moving' &&
    (layer as { dataFormat?: string }).dataFormat === 'channelsFirst'
  ) {
    throw new ModelError(
      `layer "${path}" has its channels first; ${purpose} goes through channels-last layers only`,
    );
  }
  const unsplit = kind === 'mixing' && activation !== 'linear';
  if (kind !== undefined && !unsplit) return kind;
  throw new ModelError(
    unsplit
      ? `layer "${path}" (${name}) ends in ${activation}, and ${purpose} needs the activation as a layer of its own`
      : `${purpose} has no rule for layer "${path}" (${name})`,
  );
}

function poolingKind(layer: Layer): LayerKind {
  return (layer as unknown as { pool: string }).pool === 'max' ? 'winner' : 'mixing';
}

interface Readable {
  read(): tf.Tensor;
}

/** The layer without its activation, as linear maps one after the other: one, or two of a separable convolution. */
export function linearMaps(layer: Layer): LinearMap[] {
  const fields = layer as unknown as Record<
    'kernel' | 'depthwiseKernel' | 'pointwiseKernel' | 'bias',
    Readable | null | undefined
  >;
  const bias = fields.bias?.read();
  if (layer.getClassName() === 'SeparableConv2D') {
    const { strides, padding, dilationRate } = layer as unknown as {
      strides: [number, number];
      padding: 'same' | 'valid';
      dilationRate: [number, number];
    };
    return [
      {
        weights: fields.depthwiseKernel!.read(),
        bias: undefined,
        apply: (x, weights) =>
          tf.depthwiseConv2d(
            x as tf.Tensor4D,
            weights as tf.Tensor4D,
            strides,
            padding,
            'NHWC',
            dilationRate,
          ),
      },
      {
        weights: fields.pointwiseKernel!.read(),
        bias,
        apply: (x, weights) => tf.conv2d(x as tf.Tensor4D, weights as tf.Tensor4D, 1, 'valid'),
      },
    ];
  }
  const name = fields.depthwiseKernel ? 'depthwiseKernel' : 'kernel';
  const linear = withoutActivation(layer);
  return [
    {
      weights: fields[name]!.read(),
      bias,
      apply: (x, weights) => {
        const own = { [name]: { read: () => weights }, bias: null, useBias: false };
        return withFields(linear, own).apply(x) as tf.Tensor;
      },
    },
  ];
}
