import * as tf from '@tensorflow/tfjs-core';
import { type GradientRule, runKernel } from './gradient-rule.ts';
import { constant, withoutGradient } from './tape.ts';

/** How windows lie on one spatial axis: `before` and `after` count the padding, `output` the windows. */
interface AxisWindows {
  input: number;
  filter: number;
  stride: number;
  before: number;
  after: number;
  output: number;
}

interface PoolAttrs {
  filterSize: number | number[];
  strides: number | number[];
  pad: 'valid' | 'same' | number | tf.backend_util.ExplicitPadding;
  dimRoundingMode?: 'floor' | 'round' | 'ceil';
}

/** The pooling ops of one spatial rank; x is [B, …space, K]. */
interface PoolFamily {
  axes(shape: number[], attrs: PoolAttrs): AxisWindows[];
  average(x: tf.Tensor, filter: number[], strides: number[]): tf.Tensor;
  averageGrad: string;
  maxGrad: string;
}

const axisWindows = (
  input: number,
  filter: number,
  stride: number,
  before: number,
  output: number,
): AxisWindows => ({
  input,
  filter,
  stride,
  before,
  output,
  after: Math.max(0, (output - 1) * stride + filter - input - before),
});

const pool2d: PoolFamily = {
  axes(shape, { filterSize, strides, pad, dimRoundingMode }) {
    const info = tf.backend_util.computePool2DInfo(
      shape as [number, number, number, number],
      filterSize as [number, number],
      strides as [number, number],
      1,
      pad,
      dimRoundingMode,
    );
    return [
      axisWindows(info.inHeight, info.filterHeight, info.strideHeight, info.padInfo.top, info.outHeight),
      axisWindows(info.inWidth, info.filterWidth, info.strideWidth, info.padInfo.left, info.outWidth),
    ];
  },
  average: (x, filter, strides) =>
    tf.avgPool(x as tf.Tensor4D, filter as [number, number], strides as [number, number], 'valid'),
  averageGrad: tf.AvgPoolGrad,
  maxGrad: tf.MaxPoolGrad,
};

const pool3d: PoolFamily = {
  axes(shape, { filterSize, strides, pad, dimRoundingMode }) {
    const info = tf.backend_util.computePool3DInfo(
      shape as [number, number, number, number, number],
      filterSize as [number, number, number],
      strides as [number, number, number],
      1,
      pad as 'valid' | 'same' | number,
      dimRoundingMode,
    );
    return [
      axisWindows(info.inDepth, info.filterDepth, info.strideDepth, info.padInfo.front, info.outDepth),
      axisWindows(info.inHeight, info.filterHeight, info.strideHeight, info.padInfo.top, info.outHeight),
      axisWindows(info.inWidth, info.filterWidth, info.strideWidth, info.padInfo.left, info.outWidth),
    ];
  },
  average: (x, filter, strides) =>
    tf.avgPool3d(
      x as tf.Tensor5D,
      filter as [number, number, number],
      strides as [number, number, number],
      'valid',
    ),
  averageGrad: tf.AvgPool3DGrad,
  maxGrad: tf.MaxPool3DGrad,
};

const sizes = (axes: AxisWindows[]) => ({
  filter: axes.map((axis) => axis.filter),
  strides: axes.map((axis) => axis.stride),
  windowSize: axes.reduce((product, axis) => product * axis.filter, 1),
  isPadded: axes.some((axis) => axis.before > 0 || axis.after > 0),
});

const padWithZeros = (x: tf.Tensor, axes: AxisWindows[]): tf.Tensor =>
  tf.pad(x, [[0, 0], ...axes.map((axis): [number, number] => [axis.before, axis.after]), [0, 0]]);

const cropPadding = (x: tf.Tensor, axes: AxisWindows[]): tf.Tensor =>
  tf.slice(x, [0, ...axes.map((axis) => axis.before), 0], [-1, ...axes.map((axis) => axis.input), -1]);

/** A tensor [1, …windows, 1] whose value at a window is the product of one factor per axis. */
function perWindow(axes: AxisWindows[], factor: (axis: AxisWindows, index: number, rank: number) => number) {
  return axes
    .map((axis, rank) => {
      const shape = [1, ...axes.map((_, other) => (other === rank ? axis.output : 1)), 1];
      return tf.tensor(
        Array.from({ length: axis.output }, (_, index) => factor(axis, index, rank)),
        shape,
      );
    })
    .reduce((product, values) => tf.mul(product, values));
}

/** Sum over each window, padding counted as zeros. */
function sumPool(family: PoolFamily, x: tf.Tensor, axes: AxisWindows[]): tf.Tensor {
  const { filter, strides, windowSize, isPadded } = sizes(axes);
  return tf.mul(family.average(isPadded ? padWithZeros(x, axes) : x, filter, strides), windowSize);
}

/** Windows of the average over pixels only: the padding is not counted. */
const pixelsInWindow = ({ input, filter, stride, before }: AxisWindows, index: number): number =>
  Math.min(index * stride - before + filter, input) - Math.max(index * stride - before, 0);

/**
 * Gradient of average pooling.
 *
 * The forward kernels of tfjs average over the pixels of a window without the padding, while their gradient kernels
 * divide by the whole window, so that stock gradients are too small along padded borders. Here the padding is made
 * explicit: dx = crop(AvgPoolGrad_valid(dy · window / pixels)), which is exact on every engine and, where nothing is
 * padded, the stock gradient.
 */
function averagePoolRule(family: PoolFamily): GradientRule {
  return {
    inputs: ['x'],
    backward: (dy, [x], attrs: PoolAttrs) => ({
      x: () => {
        const axes = family.axes(x.shape, attrs);
        const { filter, strides, isPadded } = sizes(axes);
        const kernelAttrs = { filterSize: filter, strides, pad: 'valid' };
        if (!isPadded) return runKernel(family.averageGrad, { dy, input: constant(x) }, kernelAttrs);
        const share = withoutGradient(() =>
          perWindow(axes, (axis, index) => axis.filter / pixelsInWindow(axis, index)),
        );
        const input = withoutGradient(() => padWithZeros(x, axes));
        return cropPadding(
          runKernel(family.averageGrad, { dy: tf.mul(dy, share), input }, kernelAttrs),
          axes,
        );
      },
    }),
  };
}

/** The gradient kernel is linear in dy; its adjoint is the average over the whole windows. */
function averagePoolGradRule(family: PoolFamily): GradientRule {
  return {
    inputs: ['input'],
    backward: (ddx, [input], attrs: PoolAttrs) => ({
      dy: () => {
        const axes = family.axes(input.shape, attrs);
        const { filter, strides, isPadded } = sizes(axes);
        return family.average(isPadded ? padWithZeros(ddx, axes) : ddx, filter, strides);
      },
      input: () => tf.zerosLike(input),
    }),
  };
}

function maxPoolRule(family: PoolFamily): GradientRule {
  return {
    inputs: ['x'],
    output: true,
    backward: (dy, [x, y], attrs) => ({
      // Which element is the largest is a constant almost everywhere: only dy stays on the tape.
      x: () => runKernel(family.maxGrad, { dy, input: constant(x), output: constant(y) }, attrs),
    }),
  };
}

/**
 * The adjoint of max pooling's gradient: for each window, `ddx` at the place of its maximum.
 *
 * MaxPoolGrad itself says where the maxima are, so ties fall exactly as in the first derivative of the engine that
 * runs. Of windows that do not overlap, MaxPoolGrad(1) is the 0/1 mask of all maxima, and the window sum of
 * mask ⊙ ddx is the answer. Overlapping windows are dealt into ⌈filter/stride⌉ groups per axis, so that within a
 * group none overlap.
 */
function maxPoolGradRule(family: PoolFamily): GradientRule {
  return {
    inputs: ['input', 'output'],
    backward: (ddx, [input, output], attrs: PoolAttrs) => ({
      dy: () => {
        const axes = family.axes(input.shape, attrs);
        const groups = groupsWithoutOverlap(axes).map((offsets) => {
          const selected = withoutGradient(() =>
            perWindow(axes, (axis, index, rank) => (index % groupsOf(axis) === offsets[rank] ? 1 : 0)),
          );
          const mask = withoutGradient(() =>
            runKernel(
              family.maxGrad,
              { dy: tf.mul(tf.onesLike(output), selected), input, output },
              { ...attrs },
            ),
          );
          const gathered = sumPool(family, tf.mul(ddx, mask), axes);
          return axes.every((axis) => groupsOf(axis) === 1) ? gathered : tf.mul(gathered, selected);
        });
        return groups.reduce((sum, group) => tf.add(sum, group));
      },
      input: () => tf.zerosLike(input),
      output: () => tf.zerosLike(output),
    }),
  };
}

const groupsOf = ({ filter, stride, output }: AxisWindows): number =>
  Math.min(Math.ceil(filter / stride), output);

/** All combinations of one group number per axis. */
const groupsWithoutOverlap = (axes: AxisWindows[]): number[][] =>
  axes.reduce<number[][]>(
    (combinations, axis) =>
      combinations.flatMap((numbers) =>
        Array.from({ length: groupsOf(axis) }, (_, group) => [...numbers, group]),
      ),
    [[]],
  );

/** Average and max pooling over two and three spatial axes, with any window, stride and padding. */
export const poolingRules: Record<string, GradientRule> = {
  [tf.AvgPool]: averagePoolRule(pool2d),
  [tf.AvgPoolGrad]: averagePoolGradRule(pool2d),
  [tf.MaxPool]: maxPoolRule(pool2d),
  [tf.MaxPoolGrad]: maxPoolGradRule(pool2d),
  [tf.AvgPool3D]: averagePoolRule(pool3d),
  [tf.AvgPool3DGrad]: averagePoolGradRule(pool3d),
  [tf.MaxPool3D]: maxPoolRule(pool3d),
  [tf.MaxPool3DGrad]: maxPoolGradRule(pool3d),
};
