import * as tf from '@tensorflow/tfjs-core';
import { type GradientRule, type InputGradients, runKernel } from './gradient-rule.ts';

interface ConvAttrs {
  strides: number | number[];
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dilations?: number | number[];
  dataFormat?: 'NHWC' | 'NCHW';
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/**
 * One kind of convolution as its three bilinear maps, without dilation; attributes are passed on as they are.
 * Each is linear in each argument, and they are adjoints of one another, which makes them a closed set under
 * differentiation.
 */
interface ConvFamily {
  /** Number of leading spatial axes of the filter. */
  spatial: number;
  forward(x: tf.Tensor, filter: tf.Tensor, attrs: ConvAttrs): tf.Tensor;
  toInput: string;
  toFilter: string;
}

const conv2d: ConvFamily = {
  spatial: 2,
  forward: (x, filter, { strides, pad, dataFormat, dimRoundingMode }) =>
    tf.conv2d(
      x as tf.Tensor4D,
      filter as tf.Tensor4D,
      strides as [number, number],
      pad,
      dataFormat,
      1,
      dimRoundingMode,
    ),
  toInput: tf.Conv2DBackpropInput,
  toFilter: tf.Conv2DBackpropFilter,
};

const depthwiseConv2d: ConvFamily = {
  spatial: 2,
  forward: (x, filter, { strides, pad, dimRoundingMode }) =>
    tf.depthwiseConv2d(
      x as tf.Tensor4D,
      filter as tf.Tensor4D,
      strides as [number, number],
      pad,
      'NHWC',
      1,
      dimRoundingMode,
    ),
  toInput: tf.DepthwiseConv2dNativeBackpropInput,
  toFilter: tf.DepthwiseConv2dNativeBackpropFilter,
};

const conv3d: ConvFamily = {
  spatial: 3,
  forward: (x, filter, { strides, pad }) =>
    tf.conv3d(
      x as tf.Tensor5D,
      filter as tf.Tensor5D,
      strides as [number, number, number],
      pad as 'valid' | 'same',
    ),
  toInput: tf.Conv3DBackpropInputV2,
  toFilter: tf.Conv3DBackpropFilterV2,
};

const withoutDilation = (attrs: ConvAttrs, spatial: number) => ({
  ...attrs,
  dilations: Array<number>(spatial).fill(1),
});

function inputGradient(
  family: ConvFamily,
  dy: tf.Tensor,
  filter: tf.Tensor,
  inputShape: number[],
  attrs: ConvAttrs,
) {
  return runKernel(family.toInput, { dy, filter }, { ...withoutDilation(attrs, family.spatial), inputShape });
}

function filterGradient(
  family: ConvFamily,
  x: tf.Tensor,
  dy: tf.Tensor,
  filterShape: number[],
  attrs: ConvAttrs,
) {
  return runKernel(family.toFilter, { x, dy }, { ...withoutDilation(attrs, family.spatial), filterShape });
}

const reshapeAround = (tensor: tf.Tensor, axis: number, middle: number[]): tf.Tensor =>
  tf.reshape(tensor, [
    tensor.shape.slice(0, axis).reduce((product, length) => product * length, 1),
    ...middle,
    tensor.shape.slice(axis + 1).reduce((product, length) => product * length, 1),
  ]);

const withLength = (shape: number[], axis: number, length: number): number[] => shape.with(axis, length);

/** Puts `dilation − 1` zeros between the taps: the plain convolution with the result is the dilated one. */
function spreadTaps(filter: tf.Tensor, axis: number, dilation: number): tf.Tensor {
  if (dilation === 1) return filter;
  const taps = filter.shape[axis]!;
  const spread = tf.pad(reshapeAround(filter, axis, [taps, 1]), [
    [0, 0],
    [0, 0],
    [0, dilation - 1],
    [0, 0],
  ]);
  const loose = tf.reshape(spread, withLength(filter.shape, axis, taps * dilation));
  return tf.slice(loose, 0, withLength(loose.shape, axis, (taps - 1) * dilation + 1));
}

/** Takes every `dilation`-th tap: the adjoint of {@link spreadTaps}. */
function pickTaps(filter: tf.Tensor, axis: number, dilation: number): tf.Tensor {
  if (dilation === 1) return filter;
  const taps = (filter.shape[axis]! - 1) / dilation + 1;
  const padding = filter.shape.map((_, other): [number, number] => [0, other === axis ? dilation - 1 : 0]);
  const grouped = reshapeAround(tf.pad(filter, padding), axis, [taps, dilation]);
  const first = tf.slice(grouped, [0, 0, 0, 0], [-1, -1, 1, -1]);
  return tf.reshape(first, withLength(filter.shape, axis, taps));
}

function dilationsOf({ dilations }: ConvAttrs, spatial: number): number[] {
  // The DepthwiseConv2D of tfjs-layers passes null.
  return Array.isArray(dilations) ? dilations : Array<number>(spatial).fill(dilations ?? 1);
}

/** Gradients of a convolution with any stride, padding and dilation (tfjs has none for dilated convolutions). */
function gradientsOf(
  family: ConvFamily,
  dy: tf.Tensor,
  x: tf.Tensor,
  filter: tf.Tensor,
  attrs: ConvAttrs,
): InputGradients {
  const dilations = dilationsOf(attrs, family.spatial);
  const spread = (taps: tf.Tensor) =>
    dilations.reduce((result, dilation, axis) => spreadTaps(result, axis, dilation), taps);
  const pick = (taps: tf.Tensor) =>
    dilations.reduce((result, dilation, axis) => pickTaps(result, axis, dilation), taps);
  const spreadShape = filter.shape.map((taps, axis) => (taps - 1) * (dilations[axis] ?? 1) + 1);
  return {
    x: () => inputGradient(family, dy, spread(filter), x.shape, attrs),
    filter: () => pick(filterGradient(family, x, dy, spreadShape, attrs)),
  };
}

const convolutionRule = (family: ConvFamily): GradientRule => ({
  inputs: ['x', 'filter'],
  backward: (dy, [x, filter], attrs: ConvAttrs) => gradientsOf(family, dy, x, filter, attrs),
});

const toInputRule = (family: ConvFamily): GradientRule => ({
  inputs: ['dy', 'filter'],
  backward: (ddx, [dy, filter], attrs: ConvAttrs) => ({
    dy: () => family.forward(ddx, filter, attrs),
    filter: () => filterGradient(family, ddx, dy, filter.shape, attrs),
  }),
});

const toFilterRule = (family: ConvFamily): GradientRule => ({
  inputs: ['x', 'dy'],
  backward: (ddFilter, [x, dy], attrs: ConvAttrs) => ({
    x: () => inputGradient(family, dy, ddFilter, x.shape, attrs),
    dy: () => family.forward(x, ddFilter, attrs),
  }),
});

/** Gradients of tf.conv2d for the fused form of the op. */
export const conv2dGradients = (dy: tf.Tensor, x: tf.Tensor, filter: tf.Tensor, attrs: object) =>
  gradientsOf(conv2d, dy, x, filter, attrs as ConvAttrs);

/** Gradients of tf.depthwiseConv2d for the fused form of the op. */
export const depthwiseConv2dGradients = (dy: tf.Tensor, x: tf.Tensor, filter: tf.Tensor, attrs: object) =>
  gradientsOf(depthwiseConv2d, dy, x, filter, attrs as ConvAttrs);

/** Convolutions, plain, depthwise and 3-D, and their transposes (which are the kernels of the input gradient). */
export const convolutionRules: Record<string, GradientRule> = {
  [tf.Conv2D]: convolutionRule(conv2d),
  [tf.Conv2DBackpropInput]: toInputRule(conv2d),
  [tf.Conv2DBackpropFilter]: toFilterRule(conv2d),
  [tf.DepthwiseConv2dNative]: convolutionRule(depthwiseConv2d),
  [tf.DepthwiseConv2dNativeBackpropInput]: toInputRule(depthwiseConv2d),
  [tf.DepthwiseConv2dNativeBackpropFilter]: toFilterRule(depthwiseConv2d),
  [tf.Conv3D]: convolutionRule(conv3d),
  [tf.Conv3DBackpropInputV2]: toInputRule(conv3d),
  [tf.Conv3DBackpropFilterV2]: toFilterRule(conv3d),
};
