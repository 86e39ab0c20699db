import { util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from './graph-builder.ts';
import { type LazyNode, operation, type Shape } from './lazy-node.ts';
import type { Lowered, Lowering } from './lowering.ts';
import {
  type ActivationAxes,
  activationAxes,
  channelsFirst,
  filterLayout,
  type Window,
  windowAttributes,
  windowExtent,
} from './window.ts';

/** What the three faces of one convolution (value, input gradient, filter gradient) have in common. */
export interface Convolution {
  readonly window: Window;
  readonly channelsLast: boolean;
  /** Depthwise: filter [...spatial, C, M]; each channel has M filters of its own. */
  readonly depthwise: boolean;
  readonly inputShape: Shape;
  readonly filterShape: Shape;
  readonly outputShape: Shape;
}

interface Sizes {
  readonly axes: ActivationAxes;
  readonly spatialRank: number;
  readonly batch: number;
  readonly inputSpatial: number[];
  readonly outputSpatial: number[];
  readonly inChannels: number;
  readonly outChannels: number;
  readonly groups: number;
}

function sizesOf(conv: Convolution): Sizes {
  const axes = activationAxes(conv.inputShape.length, conv.channelsLast);
  const inChannels = conv.inputShape[axes.channels]!;
  const outChannels = conv.outputShape[axes.channels]!;
  const filterIn = conv.filterShape.at(-2)!;
  return {
    axes,
    spatialRank: axes.spatial.length,
    batch: conv.inputShape[0]!,
    inputSpatial: axes.spatial.map((axis) => conv.inputShape[axis]!),
    outputSpatial: axes.spatial.map((axis) => conv.outputShape[axis]!),
    inChannels,
    outChannels,
    groups: conv.depthwise ? inChannels : inChannels / filterIn,
  };
}

function keyOf(conv: Convolution): string {
  return JSON.stringify([conv.window, conv.channelsLast, conv.depthwise]);
}

/** The filter as ONNX reads it, [out, in / groups, ...spatial]. */
function filterName(l: Lowering, filter: LazyNode, conv: Convolution): string {
  const n = conv.window.kernel.length;
  if (!conv.depthwise) return l.as(filter, filterLayout(n, 'out-in'));
  const [channels, multiplier] = conv.filterShape.slice(-2) as [number, number];
  const grouped = l.as(filter, filterLayout(n, 'in-out'));
  return l.graph.reshape(grouped, [channels * multiplier, 1, ...conv.window.kernel]);
}

/** y = x * filter */
export function convolve(x: LazyNode, filter: LazyNode, conv: Convolution): LazyNode {
  const { axes, groups } = sizesOf(conv);
  return operation({
    kind: 'Conv',
    key: keyOf(conv),
    inputs: [x, filter],
    shape: conv.outputShape,
    dtype: 'float32',
    lower: (l, [input, weights]) => {
      const layout = channelsFirst(axes);
      const operands = [l.as(input!, layout), filterName(l, weights!, conv)];
      const name = l.graph.node('Conv', operands, { ...windowAttributes(conv.window), group: groups });
      return { name, layout, shape: conv.outputShape };
    },
  });
}

/**
 * The adjoint of the convolution in its input: the gradient with respect to x, and the transposed
 * convolution. With stride 1 it is a convolution of dy with the mirrored filter whose channels changed
 * places. A depthwise one of larger stride is the same after zeros were put between the elements of dy;
 * otherwise ONNX's ConvTranspose does it.
 */
export function convolveInputGradient(dy: LazyNode, filter: LazyNode, conv: Convolution): LazyNode {
  const sizes = sizesOf(conv);
  const { window } = conv;
  const extent = windowExtent(window);
  const before = extent.map((size, i) => size - 1 - window.before[i]!);
  const rest = sizes.inputSpatial.map(
    (size, i) =>
      size -
      ((sizes.outputSpatial[i]! - 1) * window.strides[i]! +
        extent[i]! -
        window.before[i]! -
        window.after[i]!),
  );
  const isUnitStride = window.strides.every((stride) => stride === 1);
  const mirrored = before.every((size) => size >= 0) && (isUnitStride || conv.depthwise);
  return operation({
    kind: 'ConvInputGradient',
    key: keyOf(conv),
    inputs: [dy, filter],
    shape: conv.inputShape,
    dtype: 'float32',
    lower: (l, [derivative, weights]) => {
      const layout = channelsFirst(sizes.axes);
      const d = l.as(derivative!, layout);
      const name = mirrored
        ? mirroredConvolution(l, d, weights!, conv, sizes, before)
        : l.graph.node('ConvTranspose', [d, filterName(l, weights!, conv)], {
            ...windowAttributes({ ...window, after: window.after }),
            output_padding: rest,
            group: sizes.groups,
          });
      return { name, layout, shape: conv.inputShape };
    },
  });
}

function mirroredConvolution(
  l: Lowering,
  dy: string,
  filter: LazyNode,
  conv: Convolution,
  sizes: Sizes,
  before: readonly number[],
): string {
  const { graph } = l;
  const { window } = conv;
  const spread = insertZeros(
    graph,
    dy,
    [sizes.batch, sizes.outChannels, ...sizes.outputSpatial],
    window.strides,
  );
  const spreadSize = sizes.outputSpatial.map((size, i) => (size - 1) * window.strides[i]! + 1);
  const extent = windowExtent(window);
  const after = sizes.inputSpatial.map((size, i) => size - spreadSize[i]! - before[i]! + extent[i]! - 1);
  // Rows of the input that no window reaches leave `after` negative only when padding exceeds the filter.
  const trimmed = trimEnd(graph, spread, spreadSize, after);
  const n = window.kernel.length;
  let weights = conv.depthwise ? filterName(l, filter, conv) : l.as(filter, filterLayout(n, 'in-out'));
  const flipped = window.kernel.flatMap((size, i) => (size > 1 ? [i + 2] : []));
  if (flipped.length > 0) weights = flip(graph, weights, flipped);
  const multiplier = conv.depthwise ? conv.filterShape.at(-1)! : 1;
  if (conv.depthwise && multiplier > 1) {
    // One group per channel with M inputs and one output.
    weights = graph.reshape(weights, [sizes.inChannels, multiplier, ...window.kernel]);
  }
  const reach = {
    ...window,
    strides: window.strides.map(() => 1),
    before,
    after: after.map((size) => Math.max(0, size)),
  };
  return graph.node('Conv', [trimmed, weights], { ...windowAttributes(reach), group: sizes.groups });
}

/** Puts stride − 1 zeros between neighbours along the spatial axes. */
function insertZeros(
  graph: GraphBuilder,
  name: string,
  shape: readonly number[],
  strides: readonly number[],
): string {
  if (strides.every((stride) => stride === 1)) return name;
  const [batch, channels, ...spatial] = shape as [number, number, ...number[]];
  const cells = graph.reshape(name, [batch, channels, ...spatial.flatMap((size) => [size, 1])]);
  const zeros = [0, 0, ...strides.flatMap(() => [0, 0])];
  const after = [0, 0, ...strides.flatMap((stride) => [0, stride - 1])];
  const padded = graph.node('Pad', [cells, graph.ints([...zeros, ...after])]);
  const grown = graph.reshape(padded, [batch, channels, ...spatial.map((size, i) => size * strides[i]!)]);
  const axes = strides.map((_, i) => i + 2);
  const ends = spatial.map((size, i) => (size - 1) * strides[i]! + 1);
  return graph.node('Slice', [grown, graph.ints(axes.map(() => 0)), graph.ints(ends), graph.ints(axes)]);
}

function trimEnd(
  graph: GraphBuilder,
  name: string,
  sizes: readonly number[],
  after: readonly number[],
): string {
  if (after.every((amount) => amount >= 0)) return name;
  const axes = sizes.map((_, i) => i + 2);
  const ends = sizes.map((size, i) => size + Math.min(0, after[i]!));
  return graph.node('Slice', [name, graph.ints(axes.map(() => 0)), graph.ints(ends), graph.ints(axes)]);
}

function flip(graph: GraphBuilder, name: string, axes: readonly number[]): string {
  const all = (value: number): string => graph.ints(axes.map(() => value));
  return graph.node('Slice', [name, all(-1), all(-(2 ** 31)), graph.ints(axes), all(-1)]);
}

/**
 * The gradient with respect to the filter: for every tap of the filter the product of the input under that
 * tap with dy, summed over the batch and all positions.
 */
export function convolveFilterGradient(x: LazyNode, dy: LazyNode, conv: Convolution): LazyNode {
  const sizes = sizesOf(conv);
  return operation({
    kind: 'ConvFilterGradient',
    key: `${keyOf(conv)}${conv.filterShape.join()}`,
    inputs: [x, dy],
    shape: conv.filterShape,
    dtype: 'float32',
    lower: (l, [input, derivative]) => {
      const layout = channelsFirst(sizes.axes);
      const padded = padSpatial(l, l.as(input!, layout), conv.window);
      const d = l.as(derivative!, layout);
      const taps = allTaps(conv.window).map((tap) => tapOf(l, padded, tap, conv.window, sizes));
      return conv.depthwise && sizes.inChannels === sizes.outChannels
        ? depthwiseTaps(l, taps, d, conv, sizes)
        : groupedTaps(l, taps, d, conv, sizes);
    },
  });
}

function depthwiseTaps(l: Lowering, taps: string[], dy: string, conv: Convolution, sizes: Sizes): Lowered {
  const { graph } = l;
  const axes = graph.ints([0, ...sizes.axes.spatial.map((_, i) => i + 2)]);
  const sums = taps.map((tap) =>
    graph.node('ReduceSum', [graph.node('Mul', [tap, dy]), axes], { keepdims: 0 }),
  );
  return l.result(graph.reshape(joined(graph, sums), conv.filterShape), conv.filterShape);
}

function groupedTaps(l: Lowering, taps: string[], dy: string, conv: Convolution, sizes: Sizes): Lowered {
  const { graph } = l;
  const { batch, groups, inChannels, outChannels } = sizes;
  const [groupIn, groupOut] = [inChannels / groups, outChannels / groups];
  const positions = util.sizeFromShape(sizes.outputSpatial);
  const d = graph.reshape(dy, [batch, groups, groupOut, positions]);
  const products = taps.map((tap) => {
    const under = graph.reshape(tap, [batch, groups, groupIn, positions]);
    const product = graph.node('FusedMatMul', [under, d], { transA: 0, transB: 1 }, 'com.microsoft');
    return graph.node('ReduceSum', [product, graph.ints([0])], { keepdims: 0 });
  });
  const stacked = joined(graph, products);
  if (conv.depthwise || groups === 1)
    return l.result(graph.reshape(stacked, conv.filterShape), conv.filterShape);
  // [taps, G, I, O] with the groups next to their outputs: [taps, I, G, O]
  const apart = graph.reshape(stacked, [taps.length, groups, groupIn, groupOut]);
  const moved = graph.node('Transpose', [apart], { perm: [0, 2, 1, 3] });
  return l.result(graph.reshape(moved, conv.filterShape), conv.filterShape);
}

function joined(graph: GraphBuilder, names: string[]): string {
  return names.length === 1 ? names[0]! : graph.node('Concat', names, { axis: 0 });
}

function padSpatial(l: Lowering, name: string, { before, after }: Window): string {
  if ([...before, ...after].every((amount) => amount === 0)) return name;
  return l.graph.node('Pad', [name, l.graph.ints([0, 0, ...before, 0, 0, ...after])]);
}

/** Every position within the filter, in the order of the filter's spatial axes. */
function allTaps({ kernel }: Window): number[][] {
  return kernel.reduce<number[][]>(
    (taps, size) => taps.flatMap((tap) => Array.from({ length: size }, (_, i) => [...tap, i])),
    [[]],
  );
}

/** What the tap sees of the padded input while the filter moves: shape [N, C, ...output]. */
function tapOf(l: Lowering, padded: string, tap: readonly number[], window: Window, sizes: Sizes): string {
  const starts = tap.map((at, i) => at * window.dilations[i]!);
  const ends = starts.map((start, i) => start + (sizes.outputSpatial[i]! - 1) * window.strides[i]! + 1);
  const full = sizes.inputSpatial.map((size, i) => size + window.before[i]! + window.after[i]!);
  const whole = starts.every((start, i) => start === 0 && ends[i] === full[i] && window.strides[i] === 1);
  if (whole) return padded;
  const { graph } = l;
  const axes = tap.map((_, i) => i + 2);
  return graph.node('Slice', [
    padded,
    graph.ints(starts),
    graph.ints(ends),
    graph.ints(axes),
    graph.ints([...window.strides]),
  ]);
}
