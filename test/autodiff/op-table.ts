import * as tf from '@tensorflow/tfjs-core';
import * as tfl from '@tensorflow/tfjs-layers';
import { upsampleBilinear } from '../../src/autodiff/index.ts';

/**
 * What is differentiated in the tests of src/autodiff, as functions of plain tensors that run on any engine.
 * The names are the keys of test/fixtures/autodiff.json, where test/reference/autodiff.py keeps the input shapes and
 * PyTorch's derivatives.
 */
// biome-ignore lint/suspicious/noExplicitAny: the fixture gives each function inputs of the ranks that it takes.
export type OpFunction = (...inputs: any[]) => tf.Tensor;

type Pad = 'valid' | 'same' | number | [[0, 0], [number, number], [number, number], [0, 0]];
type Pair = number | [number, number];

const explicitPad: Pad = [
  [0, 0],
  [0, 1],
  [1, 0],
  [0, 0],
];

const pools: Record<string, [window: Pair, stride: Pair, pad: Pad]> = {
  '2x2, stride 2, valid': [2, 2, 'valid'],
  '2x2, stride 2, same': [2, 2, 'same'],
  '3x3, stride 2, same': [3, 2, 'same'],
  '3x3, stride 1, same': [3, 1, 'same'],
  '2x3, stride 1x2, valid': [[2, 3], [1, 2], 'valid'],
  '3x3, stride 2, pad 1': [3, 2, 1],
  '2x2, stride 3, valid': [2, 3, 'valid'],
  '3x2, stride 2, explicit pad': [[3, 2], 2, explicitPad],
};

const conv2d =
  (strides: Pair, pad: Pad, dilations: Pair = 1): OpFunction =>
  (x, filter) =>
    tf.conv2d(x, filter, strides, pad, 'NHWC', dilations);

const depthwise =
  (strides: Pair, pad: Pad, dilations: Pair = 1): OpFunction =>
  (x, filter) =>
    tf.depthwiseConv2d(x, filter, strides, pad, 'NHWC', dilations);

const fusedConv2d =
  (activation: 'linear' | 'relu' | 'relu6' | 'elu' | 'sigmoid' | 'leakyrelu'): OpFunction =>
  (x, filter, bias) =>
    tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same', activation, leakyreluAlpha: 0.2 });

const softmaxLabels = () =>
  tf.tensor2d([
    [0, 1, 0, 0],
    [1, 0, 0, 0],
    [0, 0, 0, 1],
  ]);

/** An activation of tf.layers by the name that a model file gives it. */
const layersActivation =
  (activationName: string): OpFunction =>
  (x) =>
    tfl.layers.activation({ activation: activationName as 'relu' }).apply(x) as tf.Tensor;

/** Applies a layer with `weights` in place of its own, so that they can be differentiated. */
function applyLayer(
  layer: tfl.layers.Layer,
  x: tf.Tensor,
  weights: tf.Tensor[],
  training: boolean,
): tf.Tensor {
  layer.build(x.shape);
  const slots = layer.weights as unknown as { val: tf.Tensor }[];
  weights.forEach((weight, index) => {
    slots[index]?.val.dispose();
    if (slots[index]) slots[index].val = weight;
  });
  const y = layer.apply(x, { training }) as tf.Tensor;
  for (const own of slots.slice(weights.length)) own.val.dispose();
  return y;
}

export const opTable: Record<string, OpFunction> = {
  relu: (x) => tf.relu(x),
  relu6: (x) => tf.relu6(x),
  elu: (x) => tf.elu(x),
  selu: (x) => tf.selu(x),
  leakyRelu: (x) => tf.leakyRelu(x, 0.3),
  prelu: (x, alpha) => tf.prelu(x, alpha),
  exp: (x) => tf.exp(x),
  expm1: (x) => tf.expm1(x),
  log: (x) => tf.log(x),
  log1p: (x) => tf.log1p(x),
  sqrt: (x) => tf.sqrt(x),
  rsqrt: (x) => tf.rsqrt(x),
  square: (x) => tf.square(x),
  abs: (x) => tf.abs(x),
  reciprocal: (x) => tf.reciprocal(x),
  pow: (base, exponent) => tf.pow(base, exponent),
  sigmoid: (x) => tf.sigmoid(x),
  logSigmoid: (x) => tf.logSigmoid(x),
  tanh: (x) => tf.tanh(x),
  softplus: (x) => tf.softplus(x),
  erf: (x) => tf.erf(x),
  swish: layersActivation('swish'),
  mish: layersActivation('mish'),
  gelu: layersActivation('gelu'),
  'gelu tanh': layersActivation('gelu_new'),
  softsign: layersActivation('softsign'),
  hardSigmoid: layersActivation('hardSigmoid'),
  thresholdedRelu: (x) => tfl.layers.thresholdedReLU({ theta: 0.4 }).apply(x) as tf.Tensor,
  clipByValue: (x) => tf.clipByValue(x, -0.5, 0.8),
  'where on a comparison': (x, y) => tf.where(tf.greater(x, y), tf.square(x), tf.mul(x, y)),
  'layers.masking': (x) => tfl.layers.masking({ maskValue: 0 }).apply(x) as tf.Tensor,
  'floor, sign, step as factors': (x) => tf.mul(x, tf.addN([tf.floor(x), tf.sign(x), tf.step(x)])),
  maximum: (x, y) => tf.maximum(x, y),
  minimum: (x, y) => tf.minimum(x, y),
  'add, sub, mul, div': (x, y) => tf.div(tf.mul(tf.add(x, y), tf.sub(x, y)), tf.add(tf.mul(y, y), 1)),
  squaredDifference: (x, y) => tf.squaredDifference(x, y),

  softmax: (x) => tf.softmax(x),
  logSoftmax: (x) => tf.logSoftmax(x),
  logSumExp: (x) => tf.logSumExp(x, 1),
  'losses.softmaxCrossEntropy': (logits) =>
    tf.losses.softmaxCrossEntropy(softmaxLabels(), logits, undefined, 0, tf.Reduction.NONE),
  'losses.sigmoidCrossEntropy': (logits) =>
    tf.losses.sigmoidCrossEntropy(
      tf.reshape(tf.sigmoid(tf.range(0, 12)), [3, 4]),
      logits,
      undefined,
      0,
      tf.Reduction.NONE,
    ),
  sum: (x) => tf.sum(x, 1),
  mean: (x) => tf.mean(x, [1, 2]),
  max: (x) => tf.max(x, [1, 2]),
  'max: ties': (x) => tf.max(x, [1, 2]),
  min: (x) => tf.min(x, -1),
  'min: ties': (x) => tf.min(x, [1, 2]),
  moments: (x) => {
    const { mean, variance } = tf.moments(x, [0, 1, 2]);
    return tf.stack([mean, variance]);
  },

  ...Object.fromEntries(
    Object.entries(pools).flatMap(([label, [window, strides, pad]]): [string, OpFunction][] => [
      [`maxPool: ${label}`, (x) => tf.maxPool(x, window, strides, pad)],
      [`avgPool: ${label}`, (x) => tf.avgPool(x, window, strides, pad)],
    ]),
  ),
  'maxPool: 2x2, stride 2, ties': (x) => tf.maxPool(x, 2, 2, 'valid'),
  'maxPool: 3x3, stride 2, ties': (x) => tf.maxPool(x, 3, 2, 'same'),
  'maxPool3d: 2x2x2, stride 2, valid': (x) => tf.maxPool3d(x, 2, 2, 'valid'),
  'maxPool3d: 3x3x3, stride 2, same': (x) => tf.maxPool3d(x, 3, 2, 'same'),
  'avgPool3d: 2x2x2, stride 2, valid': (x) => tf.avgPool3d(x, 2, 2, 'valid'),
  'avgPool3d: 3x3x3, stride 2, same': (x) => tf.avgPool3d(x, 3, 2, 'same'),
  'layers.globalAveragePooling2d': (x) => tfl.layers.globalAveragePooling2d({}).apply(x) as tf.Tensor,
  'layers.globalMaxPooling2d': (x) => tfl.layers.globalMaxPooling2d({}).apply(x) as tf.Tensor,
  'layers.globalMaxPooling2d: ties': (x) => tfl.layers.globalMaxPooling2d({}).apply(x) as tf.Tensor,
  'layers.averagePooling2d': (x) =>
    tfl.layers.averagePooling2d({ poolSize: 2, strides: 2, padding: 'same' }).apply(x) as tf.Tensor,
  'layers.maxPooling1d': (x) => tfl.layers.maxPooling1d({ poolSize: 2, strides: 2 }).apply(x) as tf.Tensor,

  'conv2d: 3x3, stride 1, same': conv2d(1, 'same'),
  'conv2d: 3x3, stride 2, valid': conv2d(2, 'valid'),
  'conv2d: 3x3, stride 2, pad 1': conv2d(2, 1),
  'conv2d: 3x2, stride 2x1, same': conv2d([2, 1], 'same'),
  'conv2d: 3x3, stride 2, explicit pad': conv2d(2, explicitPad),
  'conv2d: 3x3, dilation 2, same': conv2d(1, 'same', 2),
  'conv2d: 2x3, dilation 2x1, valid': conv2d(1, 'valid', [2, 1]),
  'conv1d: 3, stride 2, same': (x, filter) => tf.conv1d(x, filter, 2, 'same'),
  'conv1d: 3, dilation 2, valid': (x, filter) => tf.conv1d(x, filter, 1, 'valid', 'NWC', 2),
  'conv3d: 2x2x2, stride 1, same': (x, filter) => tf.conv3d(x, filter, 1, 'same'),
  'conv3d: 3x3x3, stride 2, same': (x, filter) => tf.conv3d(x, filter, 2, 'same'),
  'conv2dTranspose: 3x3, stride 2, same': (x, filter) =>
    tf.conv2dTranspose(x, filter, [1, 6, 6, 2], 2, 'same'),
  'conv2dTranspose: 3x3, stride 1, valid': (x, filter) =>
    tf.conv2dTranspose(x, filter, [1, 5, 5, 2], 1, 'valid'),
  'conv3dTranspose: 2x2x2, stride 2, same': (x, filter) =>
    tf.conv3dTranspose(x, filter, [1, 4, 4, 4, 2], 2, 'same'),
  'depthwiseConv2d: 3x3, stride 1, same': depthwise(1, 'same'),
  'depthwiseConv2d: 3x3, stride 2, valid': depthwise(2, 'valid'),
  'depthwiseConv2d: 3x3, stride 2, pad 1': depthwise(2, 1),
  'depthwiseConv2d: 3x3, dilation 2, same': depthwise(1, 'same', 2),
  'separableConv2d: 3x3, stride 1, same': (x, depth, point) => tf.separableConv2d(x, depth, point, 1, 'same'),
  'fused.conv2d: with bias, linear': fusedConv2d('linear'),
  'fused.conv2d: with bias, relu': fusedConv2d('relu'),
  'fused.conv2d: with bias, relu6': fusedConv2d('relu6'),
  'fused.conv2d: with bias, elu': fusedConv2d('elu'),
  'fused.conv2d: with bias, sigmoid': fusedConv2d('sigmoid'),
  'fused.conv2d: with bias, leakyrelu': fusedConv2d('leakyrelu'),
  'fused.conv2d: without bias, stride 2': (x, filter) =>
    tf.fused.conv2d({ x, filter, strides: 2, pad: 'same' }),
  'fused.conv2d: with bias, dilation 2': (x, filter, bias) =>
    tf.fused.conv2d({ x, filter, bias, strides: 1, pad: 'same', dilations: 2 }),
  'fused.conv2d: with bias, prelu': (x, filter, bias, preluActivationWeights) =>
    tf.fused.conv2d({
      x,
      filter,
      bias,
      strides: 1,
      pad: 'same',
      activation: 'prelu',
      preluActivationWeights,
    }),
  'fused.depthwiseConv2d: with bias, relu': (x, filter, bias) =>
    tf.fused.depthwiseConv2d({ x, filter, bias, strides: 1, pad: 'same', activation: 'relu' }),
  matMul: (a, b) => tf.matMul(a, b),
  'matMul: both transposed': (a, b) => tf.matMul(a, b, true, true),
  'matMul: batched': (a, b) => tf.matMul(a, b),
  'matMul: batch broadcast': (a, b) => tf.matMul(a, b),
  'fused.matMul: with bias, sigmoid': (a, b, bias) =>
    tf.fused.matMul({ a, b, transposeA: false, transposeB: false, bias, activation: 'sigmoid' }),
  'fused.matMul: transposed, with bias': (a, b, bias) =>
    tf.fused.matMul({ a, b, transposeA: true, transposeB: true, bias }),

  batchNorm: (x, mean, variance, offset, scale) => tf.batchNorm(x, mean, variance, offset, scale, 1e-3),
  'batchNorm: without scale and offset': (x) =>
    tf.batchNorm(x, [0.1, 0.1], [1.3, 1.3], undefined, undefined, 1e-3),
  'layers.batchNormalization: training': (x, beta, gamma) =>
    applyLayer(tfl.layers.batchNormalization({}), x, [gamma, beta], true),
  'layers.batchNormalization: inference': (x, beta, gamma) =>
    applyLayer(tfl.layers.batchNormalization({}), x, [gamma, beta], false),
  'layers.layerNormalization': (x, gamma, beta) =>
    applyLayer(tfl.layers.layerNormalization({}), x, [gamma, beta], false),
  localResponseNormalization: (x) => tf.localResponseNormalization(x, 1, 1, 0.7, 0.6),

  'resizeBilinear: half-pixel centres': (x) => tf.image.resizeBilinear(x, [7, 6], false, true),
  'resizeBilinear: half-pixel centres, smaller': (x) => tf.image.resizeBilinear(x, [2, 3], false, true),
  'resizeBilinear: aligned corners': (x) => tf.image.resizeBilinear(x, [7, 6], true),
  resizeBilinear: (x) => tf.image.resizeBilinear(x, [7, 6]),
  'resizeNearestNeighbor: twice': (x) => tf.image.resizeNearestNeighbor(x, [6, 8]),
  resizeNearestNeighbor: (x) => tf.image.resizeNearestNeighbor(x, [7, 6]),
  'resizeNearestNeighbor: half-pixel centres': (x) => tf.image.resizeNearestNeighbor(x, [7, 6], false, true),
  'layers.upSampling2d: bilinear': (x) =>
    tfl.layers.upSampling2d({ size: [2, 2], interpolation: 'bilinear' }).apply(x) as tf.Tensor,
  upsampleBilinear: (x) => upsampleBilinear(x, [7, 6]),
  'pad, slice': (x) =>
    tf.slice(
      tf.pad(x, [
        [0, 0],
        [1, 0],
        [1, 2],
        [0, 0],
      ]),
      [0, 0, 2, 0],
      [2, 4, 4, 2],
    ),
  'concat, split, stack': (x, y) =>
    tf.stack([
      tf.split(tf.concat([x, y], 1), [2, 4, 2], 1)[1]!,
      tf.split(tf.concat([y, x], 1), [1, 4, 3], 1)[1]!,
    ]),
  gather: (x) => tf.gather(x, tf.tensor1d([2, 0, 2], 'int32'), 1),
  'transpose, reshape, tile, reverse': (x) =>
    tf.reverse(tf.tile(tf.reshape(tf.transpose(x, [1, 0, 2]), [3, 4]), [2, 1]), 1),
  cumsum: (x) => tf.cumsum(x, 1),
};
