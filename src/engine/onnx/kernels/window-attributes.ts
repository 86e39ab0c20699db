import { backend_util, type Conv2DAttrs, type Conv3DAttrs, type MaxPoolAttrs } from '@tensorflow/tfjs-core';
import { UsageError } from '../../../errors/index.ts';
import type { Shape } from '../graph/lazy-node.ts';
import type { Convolution } from '../ops/convolution/convolution-geometry.ts';
import type { Pooling } from '../ops/pooling.ts';
import { type Window, windowExtent } from '../ops/window.ts';

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
    bySide(attributes.pad, format === 'channelsLast'),
    attributes.dimRoundingMode,
    depthwise,
    format,
  );
  const { padInfo } = info;
  const window = {
    kernel: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [info.dilationHeight, info.dilationWidth],
    before: [padInfo.top, padInfo.left],
    after: [padInfo.bottom, padInfo.right],
  };
  const sizes = { input: [info.inHeight, info.inWidth], output: [info.outHeight, info.outWidth] };
  return {
    window: reaching('filter', window, sizes),
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
  const window = {
    kernel: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilations: [info.dilationDepth, info.dilationHeight, info.dilationWidth],
    before: [padInfo.front, padInfo.top, padInfo.left],
    after: [padInfo.back, padInfo.bottom, padInfo.right],
  };
  const sizes = {
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
  };
  return {
    window: reaching('filter', window, sizes),
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
  const info = backend_util.computePool2DInfo(
    input as Four,
    filterSize,
    strides,
    1,
    bySide(pad, true),
    dimRoundingMode,
  );
  const { padInfo } = info;
  const window = {
    kernel: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    dilations: [1, 1],
    before: [padInfo.top, padInfo.left],
    after: [padInfo.bottom, padInfo.right],
  };
  const sizes = { input: [info.inHeight, info.inWidth], output: [info.outHeight, info.outWidth] };
  return {
    window: reaching('window', window, sizes),
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
  const window = {
    kernel: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    dilations: [1, 1, 1],
    before: [padInfo.front, padInfo.top, padInfo.left],
    after: [padInfo.back, padInfo.bottom, padInfo.right],
  };
  const sizes = {
    input: [info.inDepth, info.inHeight, info.inWidth],
    output: [info.outDepth, info.outHeight, info.outWidth],
  };
  return {
    window: reaching('window', window, sizes),
    channelsLast: format === 'NDHWC',
    inputShape: input,
    outputShape: info.outShape,
  };
}

/** Sizes along the spatial axes. */
interface Sizes {
  readonly input: Shape;
  readonly output: Shape;
}

/**
 * The window with borders as TensorFlow means them: none is negative (tfjs-core makes one of -1 for a 3-D window that
 * is smaller than its stride, and then skips the first element), and the last window lies inside of what is behind
 * the image, also where the number of windows was rounded up.
 *
 * @throws {UsageError} when there is no window at all, because the image is smaller
 */
function reaching(what: 'filter' | 'window', window: Window, { input, output }: Sizes): Window {
  const extent = windowExtent(window);
  if (output.some((size) => size < 0)) {
    throw new UsageError(
      `a ${what} of ${extent.join('x')} does not fit into an image of ${input.join('x')} pixels`,
    );
  }
  const before = window.before.map((amount) => Math.max(0, amount));
  const after = window.after.map((amount, i) => {
    const last = (output[i]! - 1) * window.strides[i]! + extent[i]!;
    return Math.max(0, amount, last - before[i]! - input[i]!);
  });
  return { ...window, before, after };
}

/**
 * A padding in numbers said by side: tfjs-core computes the width of a result with the former from the height of the
 * filter and its stride, which is wrong where these are not square.
 */
function bySide(pad: Conv2DAttrs['pad'], channelsLast: boolean): Conv2DAttrs['pad'] {
  if (typeof pad !== 'number') return pad;
  const [none, both]: [[number, number], [number, number]] = [
    [0, 0],
    [pad, pad],
  ];
  return channelsLast ? [none, both, both, none] : [none, none, both, both];
}
