import {
  depthwise,
  kernelAndBias,
  type LayerRule,
  ones,
  quantization,
  weightOptions,
  withoutTraining,
} from './layer-rule.ts';

const conv = (dims: 1 | 2 | 3): LayerRule => ({
  takes: [
    ...kernelAndBias,
    'filters',
    'kernel_size',
    'strides',
    'padding',
    'dilation_rate',
    'groups',
    'data_format',
  ],
  only: quantization,
  rewrite(config, context) {
    const { groups = 1, ...rest } = config;
    if (config.padding === 'causal') return context.refuse('padding = "causal", which tfjs cannot compute');
    if (dims === 1 && config.data_format === 'channels_first') {
      return context.refuse('data_format channels_first');
    }
    if (groups === 1) return { class_name: `Conv${dims}D`, config: rest };
    if (dims !== 2) return context.refuse(`groups = ${groups} (only Conv2D may have groups)`);
    if (config.data_format === 'channels_first') return context.refuse('groups with channels_first');
    return { class_name: 'GroupedConv2D', config: withoutTraining(config) };
  },
});

const transposed = (dims: 2 | 3): LayerRule => ({
  takes: [...kernelAndBias, 'filters', 'kernel_size', 'strides', 'padding', 'data_format'],
  only: { ...quantization, groups: [1], output_padding: [null], dilation_rate: [1, ones(dims)] },
});

const pool = (dims: 1 | 2 | 3): LayerRule => ({
  takes: ['pool_size', 'strides', 'padding', ...(dims === 1 ? [] : ['data_format'])],
  only: dims === 1 ? { data_format: ['channels_last', null] } : {},
});

const globalPool = (dims: 1 | 2 | 3, kind: 'average' | 'max'): LayerRule => ({
  takes: ['data_format', 'keepdims'],
  rewrite(config) {
    const { keepdims = false, ...rest } = config;
    const channelsFirst = config.data_format === 'channels_first';
    const ours = dims === 3 || keepdims === true || (dims === 1 && channelsFirst);
    const name = `Global${kind === 'average' ? 'Average' : 'Max'}Pooling${dims}D`;
    return ours
      ? { class_name: 'GlobalPooling', config: { ...config, pool: kind } }
      : { class_name: name, config: rest };
  },
});

/** Convolutions and pooling. */
export const convolutionRules: Readonly<Record<string, LayerRule>> = {
  Conv1D: conv(1),
  Conv2D: conv(2),
  Conv3D: conv(3),
  Convolution2D: conv(2),
  Conv2DTranspose: transposed(2),
  Conv3DTranspose: transposed(3),
  DepthwiseConv2D: {
    takes: [
      ...depthwise,
      'kernel_size',
      'strides',
      'padding',
      'depth_multiplier',
      'data_format',
      'dilation_rate',
    ],
    // Keras 2 writes options of its base class that this layer does not use.
    ignores: weightOptions('kernel'),
    only: { ...quantization, groups: [1] },
    rewrite(config, { refuse }) {
      const dilated = [config.dilation_rate ?? 1].flat().some((rate) => rate !== 1);
      if (!dilated) return { class_name: 'DepthwiseConv2D', config };
      if (config.data_format === 'channels_first') return refuse('dilation_rate with channels_first');
      return { class_name: 'DilatedDepthwiseConv2D', config: withoutTraining(config) };
    },
  },
  SeparableConv2D: {
    takes: [
      ...depthwise,
      ...weightOptions('pointwise'),
      'filters',
      'kernel_size',
      'strides',
      'padding',
      'depth_multiplier',
      'dilation_rate',
    ],
    // tfjs would add the bias along the wrong axis of channels_first.
    only: { ...quantization, groups: [1], data_format: ['channels_last'] },
    ignores: weightOptions('kernel'),
    // tfjs forgets the multiplier when it saves the layer.
    rewrite: (config) =>
      (config.depth_multiplier ?? 1) === 1
        ? { class_name: 'SeparableConv2D', config }
        : { class_name: 'MultipliedSeparableConv2D', config: withoutTraining(config) },
  },
  MaxPooling1D: pool(1),
  MaxPooling2D: pool(2),
  MaxPooling3D: pool(3),
  AveragePooling1D: pool(1),
  AveragePooling2D: pool(2),
  AveragePooling3D: pool(3),
  GlobalAveragePooling1D: globalPool(1, 'average'),
  GlobalAveragePooling2D: globalPool(2, 'average'),
  GlobalAveragePooling3D: globalPool(3, 'average'),
  GlobalMaxPooling1D: globalPool(1, 'max'),
  GlobalMaxPooling2D: globalPool(2, 'max'),
  GlobalMaxPooling3D: globalPool(3, 'max'),
};
