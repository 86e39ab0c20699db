import {
  type _FusedMatMulAttrs,
  type BatchMatMulAttrs,
  backend_util,
  type Conv2DAttrs,
  type Conv3DAttrs,
  type FusedBatchNormAttrs,
  type FusedConv2DAttrs,
  type LogSoftmaxAttrs,
  type MaxPoolWithArgmaxAttrs,
  type ResizeBilinearAttrs,
  type SoftmaxAttrs,
  util,
} from '@tensorflow/tfjs-core';
import { UsageError } from '../../../errors/index.ts';
import { type LazyNode, operation, type Shape } from '../graph/lazy-node.ts';
import { add, multiply, subtract } from '../ops/arithmetic.ts';
import { averagePool, averagePoolGradient } from '../ops/average-pooling.ts';
import { convolve, convolveFilterGradient, convolveInputGradient } from '../ops/convolution/convolution.ts';
import { convolveVolumeInputGradient } from '../ops/convolution/frames-convolution.ts';
import { asFloat, elementwise, leakyRelu, negative, prelu } from '../ops/elementwise.ts';
import { matMul } from '../ops/matmul.ts';
import { maxPool, maxPoolPlaces } from '../ops/max-pooling.ts';
import { maxPoolGradient } from '../ops/max-pooling-gradient.ts';
import { type Pooling, poolFrames } from '../ops/pooling.ts';
import { relu, relu6 } from '../ops/rectifiers.ts';
import { reshape } from '../ops/reshape.ts';
import { resizeImages, resizeImagesGradient } from '../ops/resize.ts';
import { softmax } from '../ops/softmax.ts';
import { elu, sigmoid } from '../ops/transcendental.ts';
import { type KernelTable, kernel, listKernel } from './kernel.ts';
import {
  type Conv2DLike,
  conv2d,
  conv3d,
  type Pool2DLike,
  type Pool3DLike,
  pool2d,
  pool3d,
} from './window-attributes.ts';

/** The activation that a fused kernel ends with, or null when it is not known here. */
function activate(
  x: LazyNode,
  activation: string | undefined,
  weights: LazyNode | undefined,
  alpha?: number,
): LazyNode | null {
  switch (activation ?? 'linear') {
    case 'linear':
      return x;
    case 'relu':
      return relu(x);
    case 'relu6':
      return relu6(x);
    case 'elu':
      return elu(x);
    case 'sigmoid':
      return sigmoid(x);
    case 'leakyrelu':
      return leakyRelu(x, alpha ?? 0.2);
    case 'prelu':
      return weights === undefined ? null : prelu(x, weights);
    default:
      return null;
  }
}

interface FusedInputs {
  readonly x: LazyNode;
  readonly filter: LazyNode;
  readonly bias?: LazyNode;
  readonly preluActivationWeights?: LazyNode;
}

function fusedConv(inputs: FusedInputs, attributes: FusedConv2DAttrs, depthwise: boolean): LazyNode | null {
  const { x, filter, bias, preluActivationWeights } = inputs;
  const conv = conv2d(x.shape, filter.shape, attributes, depthwise);
  let y = convolve(x, filter, conv);
  const perChannel = (part: LazyNode): LazyNode =>
    !conv.channelsLast && part.shape.length === 1 ? reshape(part, [part.size, 1, 1]) : part;
  if (bias !== undefined) y = add(y, perChannel(bias));
  const weights = preluActivationWeights && perChannel(preluActivationWeights);
  return activate(y, attributes.activation, weights, attributes.leakyreluAlpha);
}

/**
 * (x − mean) / √(variance + ε) · scale + offset, as x · factor + shift: two passes over x, and per-channel
 * numbers folded first.
 */
function batchNorm(
  inputs: { x: LazyNode; mean: LazyNode; variance: LazyNode; scale?: LazyNode; offset?: LazyNode },
  epsilon: number,
): LazyNode {
  const { x, mean, variance, scale, offset } = inputs;
  const inverse = elementwise(
    'InverseDeviation',
    [variance],
    (g, [v]) => g.node('Reciprocal', [g.node('Sqrt', [g.node('Add', [v!, g.fill(epsilon, 'float32')])])]),
    { key: `${epsilon}` },
  );
  const factor = scale ? multiply(inverse, scale) : inverse;
  const shift = multiply(mean, factor);
  return add(multiply(x, factor), offset ? subtract(offset, shift) : negative(shift));
}

function einsum(list: readonly LazyNode[], equation: string): LazyNode | null {
  const { allDims, summedDims, idDims } = backend_util.decodeEinsumEquation(equation, list.length);
  backend_util.checkEinsumDimSizes(allDims.length, idDims, list.map(({ shape }) => ({ shape })) as never);
  backend_util.getEinsumComputePath(summedDims, idDims);
  if (equation.includes('...') || list.some((item) => item.dtype !== 'float32')) return null;
  const [left, right] = equation.replace(/\s/g, '').split('->') as [string, string];
  const sizes = new Map<string, number>();
  left.split(',').forEach((letters, i) => {
    for (const [axis, letter] of [...letters].entries()) sizes.set(letter, list[i]!.shape[axis]!);
  });
  const shape = [...right].map((letter) => sizes.get(letter)!);
  return operation({
    kind: 'Einsum',
    key: equation,
    inputs: list,
    shape,
    dtype: 'float32',
    lower: (l, nodes) =>
      l.result(
        l.graph.node(
          'Einsum',
          nodes.map((node) => l.plain(node)),
          { equation: `${left}->${right}` },
        ),
        shape,
      ),
  });
}

function requireMatrices(a: LazyNode, b: LazyNode, transposeA: boolean, transposeB: boolean): void {
  const inner = [a.shape.at(transposeA ? -2 : -1), b.shape.at(transposeB ? -1 : -2)];
  util.assert(
    a.shape.length >= 2 && b.shape.length >= 2 && inner[0] === inner[1],
    () =>
      `Error in matMul: inner shapes (${inner}) of Tensors with shapes ${a.shape} and ${b.shape} must match.`,
  );
}

/** ONNX wants less padding than window; the rest is left to the cpu kernel. */
function poolIf(supported: boolean, pool: Pooling, run: (pool: Pooling) => LazyNode): LazyNode | null {
  const { kernel, before, after } = pool.window;
  return supported && kernel.every((size, i) => before[i]! < size && after[i]! < size) ? run(pool) : null;
}

type Rounding = { dimRoundingMode?: 'ceil' | 'round' };

/**
 * The geometry of the operation whose gradient dy is: tfjs-core does not tell its gradient kernels how the number of
 * windows was rounded.
 */
function geometryOf<T extends { readonly outputShape: Shape }>(
  what: string,
  dy: LazyNode,
  geometry: (mode: Rounding) => T,
): T {
  const fitting = fittingGeometry(dy, geometry);
  if (fitting !== null) return fitting;
  const { outputShape } = geometry({});
  throw new UsageError(
    `the gradient of ${what}: dy has the shape [${dy.shape}], the result [${outputShape}]`,
  );
}

function fittingGeometry<T extends { readonly outputShape: Shape }>(
  dy: LazyNode,
  geometry: (mode: Rounding) => T,
): T | null {
  for (const mode of [{}, { dimRoundingMode: 'ceil' }, { dimRoundingMode: 'round' }] as const) {
    const candidate = geometry(mode);
    if (util.arraysEqual(candidate.outputShape as number[], dy.shape as number[])) return candidate;
  }
  return null;
}

export const networkKernels: KernelTable = {
  Conv2D: kernel<'x' | 'filter', Conv2DAttrs>(({ x, filter }, attributes) =>
    convolve(x, filter, conv2d(x.shape, filter.shape, attributes)),
  ),
  Conv2DBackpropInput: kernel<'dy' | 'filter', Conv2DLike & { inputShape: Shape }>(
    ({ dy, filter }, attributes) => {
      const { inputShape } = attributes;
      const conv = fittingGeometry(dy, (mode) =>
        conv2d(inputShape, filter.shape, { ...attributes, ...mode }),
      );
      // The cpu kernel also takes a dy that is larger than the convolution's result.
      return conv === null ? null : convolveInputGradient(dy, filter, conv);
    },
  ),
  Conv2DBackpropFilter: kernel<'x' | 'dy', Conv2DLike & { filterShape: Shape }>(({ x, dy }, attributes) =>
    convolveFilterGradient(
      x,
      dy,
      geometryOf('a convolution', dy, (mode) =>
        conv2d(x.shape, attributes.filterShape, { ...attributes, ...mode }),
      ),
    ),
  ),
  DepthwiseConv2dNative: kernel<'x' | 'filter', Conv2DLike>(({ x, filter }, attributes) =>
    convolve(x, filter, conv2d(x.shape, filter.shape, attributes, true)),
  ),
  DepthwiseConv2dNativeBackpropInput: kernel<'dy' | 'filter', Conv2DLike & { inputShape: Shape }>(
    ({ dy, filter }, attributes) =>
      convolveInputGradient(
        dy,
        filter,
        geometryOf('a convolution', dy, (mode) =>
          conv2d(attributes.inputShape, filter.shape, { ...attributes, ...mode }, true),
        ),
      ),
  ),
  DepthwiseConv2dNativeBackpropFilter: kernel<'x' | 'dy', Conv2DLike & { filterShape: Shape }>(
    ({ x, dy }, attributes) =>
      convolveFilterGradient(
        x,
        dy,
        geometryOf('a convolution', dy, (mode) =>
          conv2d(x.shape, attributes.filterShape, { ...attributes, ...mode }, true),
        ),
      ),
  ),
  Conv3D: kernel<'x' | 'filter', Conv3DAttrs>(({ x, filter }, attributes) =>
    convolve(x, filter, conv3d(x.shape, filter.shape, attributes)),
  ),
  Conv3DBackpropInputV2: kernel<'dy' | 'filter', Conv3DAttrs & { inputShape: Shape }>(
    ({ dy, filter }, attributes) =>
      convolveVolumeInputGradient(dy, filter, conv3d(attributes.inputShape, filter.shape, attributes)),
  ),
  Conv3DBackpropFilterV2: kernel<'x' | 'dy', Conv3DAttrs & { filterShape: Shape }>(({ x, dy }, attributes) =>
    convolveFilterGradient(x, dy, conv3d(x.shape, attributes.filterShape, attributes)),
  ),
  FusedConv2D: kernel<never, FusedConv2DAttrs>((inputs, attributes) =>
    fusedConv(inputs as unknown as FusedInputs, attributes, false),
  ),
  FusedDepthwiseConv2D: kernel<never, FusedConv2DAttrs>((inputs, attributes) =>
    fusedConv(inputs as unknown as FusedInputs, attributes, true),
  ),

  MaxPool: kernel<'x', Pool2DLike>(({ x }, attributes) =>
    poolIf(x.dtype === 'float32', pool2d(x.shape, attributes), (pool) => maxPool(x, pool)),
  ),
  MaxPoolGrad: kernel<'dy' | 'input', Pool2DLike>(({ dy, input }, attributes) =>
    poolIf(
      true,
      geometryOf('a pooling', dy, (mode) => pool2d(input.shape, { ...attributes, ...mode })),
      (pool) => maxPoolGradient(dy, input, pool),
    ),
  ),
  MaxPoolWithArgmax: kernel<'x', MaxPoolWithArgmaxAttrs>(({ x }, attributes) => {
    util.assert(
      x.shape.length === 4,
      () => `Error in maxPoolWithArgmax: x must be rank 4 but got rank ${x.shape.length}.`,
    );
    const pool = pool2d(x.shape, attributes);
    return [maxPool(x, pool), maxPoolPlaces(x, pool, attributes.includeBatchInIndex)];
  }),
  AvgPool: kernel<'x', Pool2DLike>(({ x }, attributes) =>
    poolIf(true, pool2d(x.shape, attributes), (pool) => averagePool(asFloat(x), pool)),
  ),
  AvgPoolGrad: kernel<'dy' | 'input', Pool2DLike>(({ dy, input }, attributes) =>
    poolIf(
      true,
      geometryOf('a pooling', dy, (mode) => pool2d(input.shape, { ...attributes, ...mode })),
      (pool) => averagePoolGradient(dy, pool),
    ),
  ),
  MaxPool3D: kernel<'x', Pool3DLike>(({ x }, attributes) =>
    poolIf(x.dtype === 'float32', pool3d(x.shape, attributes), (pool) => poolFrames(pool, [x], maxPool)),
  ),
  MaxPool3DGrad: kernel<'dy' | 'input', Pool3DLike>(({ dy, input }, attributes) =>
    poolIf(
      true,
      geometryOf('a pooling', dy, (mode) => pool3d(input.shape, { ...attributes, ...mode })),
      (pool) => poolFrames(pool, [dy, input], maxPoolGradient),
    ),
  ),
  AvgPool3D: kernel<'x', Pool3DLike>(({ x }, attributes) =>
    poolIf(true, pool3d(x.shape, attributes), (pool) => poolFrames(pool, [asFloat(x)], averagePool)),
  ),
  AvgPool3DGrad: kernel<'dy' | 'input', Pool3DLike>(({ dy, input }, attributes) =>
    poolIf(
      true,
      geometryOf('a pooling', dy, (mode) => pool3d(input.shape, { ...attributes, ...mode })),
      (pool) => poolFrames(pool, [dy], averagePoolGradient),
    ),
  ),

  BatchMatMul: kernel<'a' | 'b', BatchMatMulAttrs>(({ a, b }, { transposeA, transposeB }) => {
    requireMatrices(a, b, transposeA, transposeB);
    const isSupported = a.dtype === 'float32' && b.dtype === 'float32' && a.size > 0 && b.size > 0;
    return isSupported ? matMul(a, b, transposeA, transposeB) : null;
  }),
  _FusedMatMul: kernel<never, _FusedMatMulAttrs>((inputs, attributes) => {
    const { a, b, bias, preluActivationWeights } = inputs as unknown as Record<string, LazyNode | undefined>;
    requireMatrices(a!, b!, attributes.transposeA, attributes.transposeB);
    if (a!.size === 0 || b!.size === 0) return null;
    const product = matMul(a!, b!, attributes.transposeA, attributes.transposeB);
    const shifted = bias ? add(product, bias) : product;
    return activate(shifted, attributes.activation, preluActivationWeights, attributes.leakyreluAlpha);
  }),
  Einsum: listKernel<{ equation: string }>((list, { equation }) => einsum(list, equation)),
  Softmax: kernel<'logits', SoftmaxAttrs>(({ logits }, { dim }) => softmax('Softmax', asFloat(logits), dim)),
  LogSoftmax: kernel<'logits', LogSoftmaxAttrs>(({ logits }, { axis }) =>
    softmax('LogSoftmax', asFloat(logits), axis),
  ),
  FusedBatchNorm: kernel<'x' | 'mean' | 'variance' | 'scale' | 'offset', FusedBatchNormAttrs>(
    (inputs, { varianceEpsilon }) => batchNorm(inputs, varianceEpsilon ?? 0.001),
  ),

  ResizeBilinear: kernel<'images', ResizeBilinearAttrs>(({ images }, { size, ...resize }) =>
    resizeImages(asFloat(images), size, { method: 'bilinear', ...resize }),
  ),
  ResizeBilinearGrad: kernel<'images' | 'dy', ResizeBilinearAttrs>(({ images, dy }, resize) =>
    resizeImagesGradient(dy, images.shape.slice(1, 3), { ...resize, method: 'bilinear' }),
  ),
  ResizeNearestNeighbor: kernel<'images', ResizeBilinearAttrs>(({ images }, { size, ...resize }) =>
    images.dtype === 'float32' ? resizeImages(images, size, { method: 'nearest', ...resize }) : null,
  ),
  ResizeNearestNeighborGrad: kernel<'images' | 'dy', ResizeBilinearAttrs>(({ images, dy }, resize) =>
    resizeImagesGradient(dy, images.shape.slice(1, 3), { ...resize, method: 'nearest' }),
  ),
};
