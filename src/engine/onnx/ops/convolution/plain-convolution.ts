import type { GraphBuilder } from '../../graph/graph-builder.ts';
import type { LazyNode } from '../../graph/lazy-node.ts';
import type { Epilogue, Lowered, Lowering } from '../../graph/lowering.ts';
import { emitRelu } from '../relu.ts';
import { channelsFirst, filterLayout, type Window, windowAttributes, windowExtent } from '../window.ts';
import {
  type Convolution,
  type ConvolutionSizes,
  convolutionSizes,
  isUnitStride,
  mirroredWindow,
} from './convolution-geometry.ts';

/** The filter as ONNX reads it, [out, in / groups, ...spatial]. */
function filterName(l: Lowering, filter: LazyNode, conv: Convolution): string {
  const n = conv.window.kernel.length;
  if (!conv.depthwise) return l.as(filter, filterLayout(n, 'out-in'));
  const [channels, multiplier] = conv.filterShape.slice(-2) as [number, number];
  const grouped = l.as(filter, filterLayout(n, 'in-out'));
  return l.graph.reshape(grouped, [channels * multiplier, 1, ...conv.window.kernel]);
}

/** The standard's Conv, channels first: for whatever the blocked one does not do. */
export function plainConvolution(
  l: Lowering,
  x: LazyNode,
  filter: LazyNode,
  conv: Convolution,
  { bias, ceiling, relu }: Epilogue,
): Lowered {
  const { axes, groups, outChannels } = convolutionSizes(conv);
  const layout = channelsFirst(axes);
  const operands = [l.as(x, layout), filterName(l, filter, conv)];
  if (bias !== undefined) operands.push(l.graph.reshape(l.plain(bias), [outChannels]));
  const name = l.graph.node('Conv', operands, { ...windowAttributes(conv.window), group: groups });
  return { name: relu ? emitRelu(l.graph, name, ceiling) : name, layout, shape: conv.outputShape };
}

/**
 * With stride 1 a convolution of dy with the mirrored filter whose channels changed places. A depthwise one
 * of larger stride is the same after zeros were put between the elements of dy; otherwise ONNX's
 * ConvTranspose does it.
 */
export function plainInputGradient(l: Lowering, dy: LazyNode, filter: LazyNode, conv: Convolution): Lowered {
  const sizes = convolutionSizes(conv);
  const layout = channelsFirst(sizes.axes);
  const d = l.as(dy, layout);
  const { window } = conv;
  const mirrored = isUnitStride(window) || conv.depthwise ? mirroredWindow(conv) : null;
  if (mirrored !== null) {
    return { name: mirroredConvolution(l, d, filter, conv, sizes, mirrored), layout, shape: conv.inputShape };
  }
  const extent = windowExtent(window);
  const rest = sizes.inputSpatial.map((size, i) => {
    const reach = (sizes.outputSpatial[i]! - 1) * window.strides[i]! + extent[i]!;
    return size - (reach - window.before[i]! - window.after[i]!);
  });
  const attributes = { ...windowAttributes(window), output_padding: rest, group: sizes.groups };
  const name = l.graph.node('ConvTranspose', [d, filterName(l, filter, conv)], attributes);
  return { name, layout, shape: conv.inputShape };
}

function mirroredConvolution(
  l: Lowering,
  dy: string,
  filter: LazyNode,
  conv: Convolution,
  sizes: ConvolutionSizes,
  mirrored: Window,
): string {
  const { graph } = l;
  const { strides, kernel } = conv.window;
  const spread = insertZeros(graph, dy, [sizes.batch, sizes.outChannels, ...sizes.outputSpatial], strides);
  const spreadSize = sizes.outputSpatial.map((size, i) => (size - 1) * strides[i]! + 1);
  const trimmed = trimEnd(graph, spread, spreadSize, mirrored.after);
  let weights = conv.depthwise
    ? filterName(l, filter, conv)
    : l.as(filter, filterLayout(kernel.length, 'in-out'));
  const flipped = kernel.flatMap((size, i) => (size > 1 ? [i + 2] : []));
  if (flipped.length > 0) weights = flip(graph, weights, flipped);
  if (conv.depthwise) {
    // One group per channel with M inputs and one output.
    weights = graph.reshape(weights, [sizes.inChannels, conv.filterShape.at(-1)!, ...kernel]);
  }
  const window = { ...mirrored, after: mirrored.after.map((size) => Math.max(0, size)) };
  return graph.node('Conv', [trimmed, weights], { ...windowAttributes(window), group: sizes.groups });
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

/** Negative padding behind: what no window of the forward pass reached is cut off. */
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

/** Reverses the order along `axes`. */
function flip(graph: GraphBuilder, name: string, axes: readonly number[]): string {
  const all = (value: number): string => graph.ints(axes.map(() => value));
  return graph.node('Slice', [name, all(-1), all(-(2 ** 31)), graph.ints(axes), all(-1)]);
}
