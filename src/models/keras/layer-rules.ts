import { convolutionRules } from './convolution-rules.ts';
import {
  kernelAndBias,
  type LayerRule,
  numberOf,
  oneAxis,
  ones,
  quantization,
  weightOptions,
  withoutTraining,
} from './layer-rule.ts';
import { normalizationRules } from './normalization-rules.ts';

const merge: LayerRule = { takes: [] };
/** Keras augments with these while it trains; at inference they do nothing. */
const augmentation: LayerRule = {
  takes: [],
  rewrite({ name }, { note }) {
    note('augments images in Keras while it trains; here it does nothing (the config has `augmentation`)');
    return { class_name: 'Activation', config: { name, activation: 'linear' } };
  },
};

const recurrent = [
  ...kernelAndBias,
  ...weightOptions('recurrent'),
  'units',
  'recurrent_activation',
  'dropout',
  'recurrent_dropout',
  'return_sequences',
  'return_state',
  'go_backwards',
  'stateful',
  'unroll',
  'unit_forget_bias',
];

const rules: Record<string, LayerRule> = {
  InputLayer: {
    takes: ['sparse', 'ragged', 'optional'],
    only: { sparse: [false], ragged: [false], optional: [false] },
  },
  Dense: { takes: [...kernelAndBias, 'units'], only: quantization },
  ...convolutionRules,
  ...normalizationRules,
  Rescaling: { takes: ['scale', 'offset'], only: { data_format: ['channels_last', null] } },
  Resizing: {
    takes: ['height', 'width', 'interpolation'],
    only: {
      crop_to_aspect_ratio: [false],
      pad_to_aspect_ratio: [false],
      antialias: [false],
      data_format: ['channels_last', null],
    },
    ignores: ['fill_mode', 'fill_value'],
    rewrite(config, { refuse }) {
      const { interpolation = 'bilinear' } = config;
      if (interpolation !== 'bilinear' && interpolation !== 'nearest') {
        return refuse(`interpolation ${JSON.stringify(interpolation)}, not bilinear or nearest`);
      }
      return { class_name: 'ImageResizing', config: withoutTraining(config) };
    },
  },
  CenterCrop: {
    takes: ['height', 'width'],
    only: { data_format: ['channels_last', null] },
    rewrite: (config) => ({ class_name: 'MiddleCrop', config: withoutTraining(config) }),
  },
  UpSampling2D: {
    takes: ['size', 'data_format', 'interpolation'],
    rewrite(config, { refuse }) {
      const { interpolation = 'nearest' } = config;
      if (interpolation === 'nearest') return { class_name: 'UpSampling2D', config };
      if (interpolation !== 'bilinear') return refuse(`interpolation ${JSON.stringify(interpolation)}`);
      if (config.data_format === 'channels_first') return refuse('bilinear with channels_first');
      const size = config.size ?? 2;
      const factors = Array.isArray(size) ? size : [size, size];
      return { class_name: 'ImageResizing', config: { name: config.name, factors, interpolation } };
    },
  },
  ZeroPadding2D: { takes: ['padding', 'data_format'] },
  Cropping2D: { takes: ['cropping', 'data_format'] },
  Flatten: { takes: ['data_format'] },
  Reshape: { takes: ['target_shape'] },
  Permute: { takes: ['dims'] },
  RepeatVector: { takes: ['n'] },
  Masking: { takes: ['mask_value'] },
  Dropout: { takes: ['rate', 'noise_shape'], ignores: ['seed'] },
  SpatialDropout1D: { takes: ['rate'], ignores: ['seed', 'noise_shape'] },
  SpatialDropout2D: spatialDropout(2),
  SpatialDropout3D: spatialDropout(3),
  GaussianNoise: { takes: ['stddev'], ignores: ['seed'] },
  GaussianDropout: { takes: ['rate'], ignores: ['seed'] },
  AlphaDropout: { takes: ['rate'], ignores: ['seed'], only: { noise_shape: [null] } },
  Activation: { takes: ['activation'] },
  Identity: {
    takes: [],
    rewrite: ({ name }) => ({ class_name: 'Activation', config: { name, activation: 'linear' } }),
  },
  ReLU: {
    takes: ['max_value', 'negative_slope', 'threshold'],
    rewrite(config) {
      const { negative_slope, threshold, ...rest } = config;
      const plain = !Number(negative_slope ?? 0) && !Number(threshold ?? 0);
      return plain ? { class_name: 'ReLU', config: rest } : { class_name: 'GeneralReLU', config };
    },
  },
  LeakyReLU: {
    takes: ['alpha', 'negative_slope'],
    rewrite: ({ alpha, negative_slope, ...rest }) => ({
      class_name: 'LeakyReLU',
      config: { ...rest, alpha: numberOf(negative_slope ?? alpha ?? 0.3) },
    }),
  },
  PReLU: { takes: [...weightOptions('alpha'), 'shared_axes'] },
  ELU: {
    takes: ['alpha'],
    rewrite: ({ alpha = 1, ...rest }) => ({
      class_name: numberOf(alpha) === 1 ? 'ELU' : 'ScaledELU',
      config: { ...rest, alpha: numberOf(alpha) },
    }),
  },
  ThresholdedReLU: {
    takes: ['theta'],
    rewrite: ({ theta = 1, ...rest }) => ({
      class_name: 'ThresholdedReLU',
      config: { ...rest, theta: numberOf(theta) },
    }),
  },
  Softmax: {
    takes: ['axis'],
    rewrite(config, context) {
      const axis = oneAxis(config.axis ?? -1, context);
      return { class_name: axis === -1 ? 'Softmax' : 'SoftmaxAlong', config: { ...config, axis } };
    },
  },
  Add: merge,
  Multiply: merge,
  Average: merge,
  Maximum: merge,
  Minimum: merge,
  Subtract: {
    takes: [],
    rewrite: (config) => ({ class_name: 'PairArithmetic', config: { ...config, operation: 'subtract' } }),
  },
  Concatenate: { takes: ['axis'] },
  Dot: { takes: ['axes', 'normalize'] },
  Embedding: {
    takes: ['input_dim', 'output_dim', 'mask_zero', 'input_length', ...weightOptions('embeddings')],
    only: { ...quantization, sparse: [false] },
  },
  LSTM: {
    takes: recurrent,
    ignores: ['implementation', 'seed', 'use_cudnn'],
    only: { time_major: [false], zero_output_for_mask: [false] },
  },
  SimpleRNN: { takes: recurrent, ignores: ['implementation', 'seed'], only: { time_major: [false] } },
  GRU: {
    takes: recurrent,
    ignores: ['implementation', 'seed', 'use_cudnn'],
    // The bias of reset_after is of another shape and place.
    only: { time_major: [false], zero_output_for_mask: [false], reset_after: [false] },
  },
  ...Object.fromEntries(
    [
      'RandomFlip',
      'RandomRotation',
      'RandomZoom',
      'RandomTranslation',
      'RandomContrast',
      'RandomBrightness',
      'RandomHeight',
      'RandomWidth',
      'RandomSaturation',
      'RandomHue',
      'RandomSharpness',
      'RandomShear',
      'RandomGrayscale',
      'RandomInvert',
      'RandomPosterization',
      'RandomColorJitter',
      'RandomColorDegeneration',
      'RandomErasing',
      'RandomGaussianBlur',
      'RandomElasticTransform',
      'RandomPerspective',
    ].map((name) => [name, augmentation]),
  ),
};

/** The classes of layers of Keras that can be read. */
export const kerasLayers: readonly string[] = Object.keys(rules);

export function ruleOf(className: string): LayerRule | undefined {
  return Object.hasOwn(rules, className) ? rules[className] : undefined;
}

/** Whether the options of a layer say nothing that matters, whatever they are. */
export function ignoresOptions(rule: LayerRule): boolean {
  return rule === augmentation;
}

function spatialDropout(dims: 2 | 3): LayerRule {
  return {
    takes: ['rate', 'data_format'],
    ignores: ['seed', 'noise_shape'],
    rewrite({ data_format, ...rest }) {
      const space = ones(dims);
      const noise_shape = data_format === 'channels_first' ? [null, null, ...space] : [null, ...space, null];
      return { class_name: 'Dropout', config: { ...rest, noise_shape } };
    },
  };
}
