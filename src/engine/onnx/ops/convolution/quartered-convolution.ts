import { convertLayout, plainLayout } from '../../graph/layout.ts';
import { type LazyNode, leaf } from '../../graph/lazy-node.ts';
import type { Epilogue, Lowered, Lowering, Quarters } from '../../graph/lowering.ts';
import { channelsFirst } from '../window.ts';
import { blockedConvolution } from './blocked-convolution.ts';
import { columnsGradient } from './columns-gradient.ts';
import { type Convolution, convolutionSizes, isUnitStride } from './convolution-geometry.ts';
import { filterGradient } from './filter-gradient.ts';
import { plainConvolution } from './plain-convolution.ts';

/** With more input channels the larger filter costs more than it spares. */
const FEW_CHANNELS = 4;

/**
 * Before a pooling of 2 x 2: the same convolution with stride 2 and four times the channels, one set for each place
 * within the windows. Its filters are those of the convolution, moved by that place within a filter that is one larger:
 *
 *     y[2i + r, 2j + s, o] = z[i, j, (2r + s) · O + o],   w'[r + a, s + b, c, (2r + s) · O + o] = w[a, b, c, o]
 *
 * So pooling and its gradient compare channels and cut nothing, and the gradients of the filter and of the image see a
 * quarter of the positions: (k + 1)² / 4 of what k² taps see at all of them.
 */
export function quarters(
  l: Lowering,
  x: LazyNode,
  filter: LazyNode,
  conv: Convolution,
  { bias, ...relu }: Epilogue,
): Quarters {
  const { graph } = l;
  const wide = quarteredConvolution(conv);
  const { axes, batch, outChannels } = convolutionSizes(wide);
  const weights = placedFilter(l, filter, conv);
  const repeated = bias === undefined ? {} : { bias: repeatedBias(l, bias, outChannels / 4) };
  const epilogue = { ...relu, ...repeated };
  const value =
    blockedConvolution(l, x, weights, wide, epilogue) ?? plainConvolution(l, x, weights, wide, epilogue);
  const fills = value.layout.block > 1 && (outChannels / 4) % value.layout.block === 0;
  const layout = fills ? value.layout : channelsFirst(axes);
  const name = convertLayout(graph, value.name, value.shape, value.layout, layout);
  return { name: graph.reshape(name, [batch, 4, -1]), layout, shape: wide.outputShape };
}

/** Whether a convolution can be quartered: of few channels, with stride 1 and even sizes. */
export function isQuarterable(l: Lowering, conv: Convolution): boolean {
  const { groups, inChannels, outputSpatial } = convolutionSizes(conv);
  const { dilations } = conv.window;
  if (l.isDevice || conv.depthwise || groups > 1 || !conv.channelsLast || outputSpatial.length !== 2)
    return false;
  if (!isUnitStride(conv.window) || dilations.some((dilation) => dilation !== 1)) return false;
  return inChannels <= FEW_CHANNELS && outputSpatial.every((size) => size % 2 === 0);
}

/** The filter gradient from a dy in quarters: that of the larger filter, of which the four places are added. */
export function quarteredFilterGradient(
  l: Lowering,
  x: LazyNode,
  dy: Quarters,
  conv: Convolution,
): Lowered | null {
  if (!isQuarterable(l, conv)) return null;
  const { graph } = l;
  const wide = quarteredConvolution(conv);
  const gradient = filterGradient(l, x, standingFor(l, dy), wide);
  const name = convertLayout(graph, gradient.name, gradient.shape, gradient.layout, plainLayout(4));
  const [height, width] = conv.window.kernel as [number, number];
  const outputs = conv.filterShape[3]!;
  const parts = places().map(([row, column], place) => {
    const from = [row, column, place * outputs];
    const to = [row + height, column + width, (place + 1) * outputs];
    return graph.node('Slice', [name, graph.ints(from), graph.ints(to), graph.ints([0, 1, 3])]);
  });
  return l.result(
    parts.reduce((a, b) => graph.node('Add', [a, b])),
    conv.filterShape,
  );
}

/** The input gradient from a dy in quarters, by columns. */
export function quarteredInputGradient(
  l: Lowering,
  dy: Quarters,
  filter: LazyNode,
  conv: Convolution,
): Lowered | null {
  if (!isQuarterable(l, conv)) return null;
  const wide = quarteredConvolution(conv);
  return columnsGradient(l, standingFor(l, dy), placedFilter(l, filter, conv), wide);
}

/** Stride 2, a filter one larger, four times the output channels. */
function quarteredConvolution(conv: Convolution): Convolution {
  const [height, width, inputs, outputs] = conv.filterShape as [number, number, number, number];
  const [batch, rows, columns] = conv.outputShape as [number, number, number, number];
  return {
    ...conv,
    window: { ...conv.window, kernel: [height + 1, width + 1], strides: [2, 2] },
    filterShape: [height + 1, width + 1, inputs, 4 * outputs],
    outputShape: [batch, rows / 2, columns / 2, 4 * outputs],
  };
}

const places = (): [number, number][] => [
  [0, 0],
  [0, 1],
  [1, 0],
  [1, 1],
];

/** [kh, kw, I, O] → [kh + 1, kw + 1, I, 4 · O] */
function placedFilter(l: Lowering, filter: LazyNode, conv: Convolution): LazyNode {
  const { graph } = l;
  const plain = l.plain(filter);
  const moved = places().map(([row, column]) =>
    graph.node('Pad', [plain, graph.ints([row, column, 0, 0, 1 - row, 1 - column, 0, 0])]),
  );
  const name = graph.node('Concat', moved, { axis: 3 });
  return standIn(l, l.result(name, quarteredConvolution(conv).filterShape));
}

function repeatedBias(l: Lowering, bias: LazyNode, channels: number): LazyNode {
  const vector = l.graph.reshape(l.plain(bias), [channels]);
  return standIn(
    l,
    l.result(l.graph.node('Concat', [vector, vector, vector, vector], { axis: 0 }), [4 * channels]),
  );
}

/** The quarters as an image of four times the channels. */
function standingFor(l: Lowering, { name, layout, shape }: Quarters): LazyNode {
  const [batch, height, width, channels] = shape as [number, number, number, number];
  const physical =
    layout.block > 1
      ? [batch, channels / layout.block, height, width, layout.block]
      : [batch, channels, height, width];
  return standIn(l, { name: l.graph.reshape(name, physical), layout, shape });
}

/** A node that stands for a value of the graph. */
function standIn(l: Lowering, value: Lowered): LazyNode {
  const node = leaf(new Float32Array(0), value.shape, 'float32');
  l.define(node, value);
  return node;
}
