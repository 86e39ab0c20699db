import { backend_util, type Conv2DAttrs, type Conv3DAttrs, type MaxPoolAttrs } from '@tensorflow/tfjs-core';
import type { Shape } from '../graph/lazy-node.ts';
import type { Convolution } from '../ops/convolution/convolution-geometry.ts';
import type { Pooling } from '../ops/pooling.ts';

/** The attributes of TensorFlow.js that say how a filter or a window moves. */
export type Conv2DLike = Pick<
  Conv2DAttrs,
  'strides' | 'pad' | 'dataFormat' | 'dilations' | 'dimRoundingMode'
>;
export type Pool2DLike = Pick<MaxPoolAttrs, 'filterSize' | 'strides' | 'pad' | 'dimRoundingMode'>;
export type Pool3DLike = {
  filterSize: number | [number, number, number];
  strides: number | [number, number, number];
  pad: 'valid' | 'same' | number;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
  dataFormat?: 'NDHWC' | 'NCDHW';
};

type Four = [number, number, number, number];
type Five = [number, number, number, number, number];

/** The geometry of a 2-D convolution, its padding resolved. */
export function conv2d(input: Shape, filter: Shape, attributes: Conv2DLike, depthwise = false): Convolution {
  const format = backend_util.convertConv2DDataFormat(attributes.dataFormat ?? 'NHWC');
  const info = backend_util.computeConv2DInfo(
    input as Four,
    filter as Four,
    attributes.strides,
    attributes.dilations ?? 1,
    attributes.pad,
    attributes.dimRoundingMode,
    depthwise,
    format,
  );
  const { padInfo } = info;
  return {
    window: {
      kernel: [info.filterHeight, info.filterWidth],
      strides: [info.strideHeight, info.strideWidth],
      dilations: [info.dilationHeight, info.dilationWidth],
      before: [padInfo.top, padInfo.left],
      after: [padInfo.bottom, padInfo.right],
    },
    channelsLast: format === 'channelsLast',
    depthwise,
    inputShape: input,
    filterShape: filter,
    outputShape: info.outShape,
  };
}

/** The geometry of a 3-D convolution. */
export function conv3d(
  input: Shape,
  filter: Shape,
  attributes: Pick<Conv3DAttrs, 'strides' | 'pad'> & Partial<Conv3DAttrs>,
): Convolution {
  const channelsLast = attributes.dataFormat !== 'NCDHW';
  const info = backend_util.computeConv3DInfo(
    input as Five,
    filter as Five,
    attributes.strides,
    attributes.dilations ?? 1,
    attributes.pad,
    false,
    channelsLast ? 'channelsLast' : 'channelsFirst',
  );
  const { padInfo } = info;
  return {
    window: {
      kernel: [info.filterDepth, info.filterHeight, info.filterWidth],
      strides: [info.strideDepth, info.strideHeight, info.strideWidth],
      dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
      before: [padInfo.front, padInfo.top, padInfo.left],
      after: [padInfo.back, padInfo.bottom, padInfo.right],
    },
    channelsLast,
    depthwise: false,
    inputShape: input,
    filterShape: filter,
    outputShape: info.outShape,
  };
}

/** The geometry of a 2-D pooling. */
export function pool2d(input: Shape, attributes: Pool2DLike): Pooling {
  const { filterSize, strides, pad, dimRoundingMode } = attributes;
  const info = backend_util.computePool2DInfo(input as Four, filterSize, strides, 1, pad, dimRoundingMode);
  const { padInfo } = info;
  return {
    window: {
      kernel: [info.filterHeight, info.filterWidth],
      strides: [info.strideHeight, info.strideWidth],
      dilations: [1, 1],
      before: [padInfo.top, padInfo.left],
      after: [padInfo.bottom, padInfo.right],
    },
    channelsLast: true,
    inputShape: input,
    outputShape: info.outShape,
  };
}

/** The geometry of a 3-D pooling. */
export function pool3d(input: Shape, attributes: Pool3DLike): Pooling {
  const { filterSize, strides, pad, dimRoundingMode, dataFormat } = attributes;
  const format = dataFormat ?? 'NDHWC';
  const info = backend_util.computePool3DInfo(
    input as Five,
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
    format,
  );
  const { padInfo } = info;
  return {
    window: {
      kernel: [info.filterDepth, info.filterHeight, info.filterWidth],
      strides: [info.strideDepth, info.strideHeight, info.strideWidth],
      dilations: [1, 1, 1],
      before: [padInfo.front, padInfo.top, padInfo.left],
      after: [padInfo.back, padInfo.bottom, padInfo.right],
    },
    channelsLast: format === 'NDHWC',
    inputShape: input,
    outputShape: info.outShape,
  };
}
