import { type ExtraActivation, extraActivations } from '../layers/index.ts';
import type { Json } from './dialect.ts';

/** What a rule may ask for beyond the options of its layer. */
export interface RuleContext {
  readonly dialect: 'keras2' | 'keras3';
  /** Where the layer stands: `backbone/conv1`. */
  readonly path: string;
  /** Takes weights of this layer out of the file, by name; `undefined` where it has none of that name. */
  takeWeight(name: string): number[] | undefined;
  /** Something that the user is to be told. */
  note(text: string): void;
  /** @throws {ModelError} that names file, layer and class */
  refuse(reason: string): never;
}

/** A layer in tfjs's words, still in snake_case. */
export interface TranslatedLayer {
  class_name: string;
  config: Json;
}

/** How the options of one class of layers are read. */
export interface LayerRule {
  /** Options that tfjs understands as Keras does. */
  readonly takes: readonly string[];
  /** Options that change no number of a trained network when it is used or trained here. */
  readonly ignores?: readonly string[];
  /** Options that tfjs does not have, with the values at which leaving them out changes nothing. */
  readonly only?: Readonly<Record<string, readonly unknown[]>>;
  /** Makes what is not the same the same. */
  rewrite?(config: Json, context: RuleContext): TranslatedLayer | undefined;
}

/** Names of activations in Keras that mean something else, or nothing, to tfjs. */
const activationNames: Record<string, string> = {
  silu: 'swish',
  hard_silu: 'hard_swish',
  log_softmax: 'logSoftmax',
};

/** Activations that tfjs knows under the name that it has in Keras. */
const sharedActivations = new Set(
  'elu linear relu relu6 selu sigmoid softmax softplus softsign tanh log_softmax swish mish gelu'.split(' '),
);

/**
 * The name under which tfjs finds an activation of Keras.
 *
 * `hard_sigmoid` means 0.2 x + 0.5 in Keras 2 and (x + 3) / 6 in Keras 3.
 */
export function activationName(value: unknown, context: RuleContext): string {
  const name = typeof value === 'string' ? value : nameOfObject(value);
  if (value === null || value === undefined) return 'linear';
  if (name === 'hard_sigmoid') return context.dialect === 'keras3' ? 'hardSigmoid6' : 'hardSigmoid';
  const known = name && (activationNames[name] ?? name);
  if (known && (sharedActivations.has(known) || known === 'logSoftmax')) return known;
  const camel = known?.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  if (camel && Object.hasOwn(extraActivations, camel)) return camel as ExtraActivation;
  return context.refuse(`the activation ${JSON.stringify(value)} is not known here`);
}

/** Of an activation written as an object: `{ class_name: 'function', config: 'silu' }`, or a layer without options. */
function nameOfObject(value: unknown): string | undefined {
  const { class_name, config } = (value ?? {}) as { class_name?: unknown; config?: unknown };
  if (class_name === 'function' && typeof config === 'string') return config;
  return undefined;
}

const weightOptions = (kind: string) => [`${kind}_initializer`, `${kind}_regularizer`, `${kind}_constraint`];
const kernelAndBias = [...weightOptions('kernel'), ...weightOptions('bias'), 'use_bias', 'activation'];
const depthwise = [...weightOptions('depthwise'), ...weightOptions('bias'), 'use_bias', 'activation'];
const quantization = { lora_rank: [null], lora_alpha: [null], quantization_config: [null], gptq: [null] };

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
    return { class_name: 'GroupedConv2D', config: without(config, training) };
  },
});

/** Options of training alone, which the layers of this package do not have. */
const training = /_(initializer|regularizer|constraint)$|^activity_regularizer$|^data_format$/;

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
      return { class_name: 'DilatedDepthwiseConv2D', config: without(config, training) };
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
        : { class_name: 'MultipliedSeparableConv2D', config: without(config, training) },
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
  BatchNormalization: {
    takes: [
      'axis',
      'momentum',
      'epsilon',
      'center',
      'scale',
      'moving_mean_initializer',
      'moving_variance_initializer',
      ...weightOptions('beta'),
      ...weightOptions('gamma'),
    ],
    // With renorm false its options say nothing; how statistics are shared between machines changes no number here.
    ignores: ['fused', 'synchronized', 'renorm_clipping', 'renorm_momentum', 'adjustment'],
    only: { renorm: [false], virtual_batch_size: [null] },
    rewrite: (config, context) => ({
      class_name: 'BatchNormalization',
      config: { ...config, axis: oneAxis(config.axis ?? -1, context) },
    }),
  },
  LayerNormalization: {
    takes: ['axis', 'epsilon', 'center', 'scale', ...weightOptions('beta'), ...weightOptions('gamma')],
    only: { rms_scaling: [false], beta_constraint: [null], gamma_constraint: [null], use_scale: [true] },
  },
  GroupNormalization: {
    takes: [
      'groups',
      'axis',
      'epsilon',
      'center',
      'scale',
      ...weightOptions('beta'),
      ...weightOptions('gamma'),
    ],
    rewrite(config, context) {
      if (oneAxis(config.axis ?? -1, context) !== -1)
        return context.refuse(`axis = ${config.axis}, not the last`);
      const { axis: _, ...rest } = without(config, training);
      return { class_name: 'GroupNorm', config: rest };
    },
  },
  UnitNormalization: {
    takes: ['axis'],
    rewrite: (config) => ({ class_name: 'UnitLength', config }),
  },
  Normalization: {
    takes: ['axis', 'mean', 'variance', 'invert', 'input_mean', 'input_variance'],
    rewrite: normalization,
  },
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
      return { class_name: 'ImageResizing', config: without(config, training) };
    },
  },
  CenterCrop: {
    takes: ['height', 'width'],
    only: { data_format: ['channels_last', null] },
    rewrite: (config) => ({ class_name: 'MiddleCrop', config: without(config, training) }),
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

/** (x − mean) / max(√variance, 1e-7), or backwards with `invert`, as a `Rescaling` that stock tfjs has. */
function normalization(config: Json, context: RuleContext): TranslatedLayer {
  const axis = [config.axis ?? -1].flat();
  const stored = context.takeWeight('mean');
  const mean = stored ?? numbers(config.mean ?? config.input_mean);
  const variance = context.takeWeight('variance') ?? numbers(config.variance ?? config.input_variance);
  context.takeWeight('count');
  if (!mean || !variance) return context.refuse('it has neither a mean and variance nor weights');
  if (mean.length > 1 && (axis.length !== 1 || (axis[0] !== -1 && axis[0] !== 3))) {
    return context.refuse(`axis = ${JSON.stringify(config.axis)}, not the channels`);
  }
  const deviation = variance.map((v) => Math.max(Math.sqrt(v), 1e-7));
  const at = (list: number[], i: number) => list[list.length === 1 ? 0 : i]!;
  const inverse = config.invert === true;
  const scale = deviation.map((d) => (inverse ? d : 1 / d));
  const offset = mean.map((m, i) => (inverse ? m : -m / at(deviation, i)));
  const single = (list: number[]) => (list.length === 1 ? list[0] : list);
  return {
    class_name: 'Rescaling',
    config: { name: config.name, scale: single(scale), offset: single(offset) },
  };
}

function numbers(value: unknown): number[] | undefined {
  if (value === null || value === undefined) return undefined;
  const list = [value].flat(9).map(numberOf);
  return list.every(Number.isFinite) ? list : undefined;
}

/** Of a number, or of the object that some versions of Keras write in its place. */
function numberOf(value: unknown): number {
  if (typeof value === 'object' && value !== null && 'value' in value) return Number(value.value);
  return Number(value);
}

function oneAxis(axis: unknown, { refuse }: RuleContext): number {
  const list = [axis].flat();
  if (list.length !== 1 || !Number.isInteger(list[0])) return refuse(`axis = ${JSON.stringify(axis)}`);
  return list[0] as number;
}

function ones(count: number): number[] {
  return Array<number>(count).fill(1);
}

function without(config: Json, pattern: RegExp): Json {
  return Object.fromEntries(Object.entries(config).filter(([key]) => !pattern.test(key)));
}
