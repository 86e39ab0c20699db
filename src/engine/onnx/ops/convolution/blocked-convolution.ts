import type { GraphBuilder } from '../../graph/graph-builder.ts';
import { blockedLayout, NCHWC, physicalShape } from '../../graph/layout.ts';
import type { LazyNode } from '../../graph/lazy-node.ts';
import type { Epilogue, Lowered, Lowering } from '../../graph/lowering.ts';
import { fusedRelu } from '../relu.ts';
import { channelsFirst, type Window, windowAttributes } from '../window.ts';
import { blockedFilter, exchangedFilter } from './blocked-filter.ts';
import {
  type Convolution,
  type ConvolutionSizes,
  convolutionSizes,
  isUnitStride,
  mirroredWindow,
} from './convolution-geometry.ts';
import { gradientPhases, interleavePhases } from './strided-gradient.ts';

/**
 * Convolution in ONNX Runtime's blocked layout (domain com.microsoft.nchwc), about one and a half times as
 * fast as the plain one. These operators are internal to ONNX Runtime; that they are there and compute what
 * they should is checked when the engine starts (runtime/block-size.ts), and its version is pinned.
 *
 * @returns null where the blocked kernels do not apply: channels that do not fill blocks, groups, 3-D
 */
export function blockedConvolution(
  l: Lowering,
  x: LazyNode,
  filter: LazyNode,
  conv: Convolution,
  epilogue: Epilogue,
): Lowered | null {
  const sizes = convolutionSizes(conv);
  const { inChannels, outChannels } = sizes;
  if (!isBlockable(l, conv, sizes) || !fillsBlocks(outChannels, l.block)) return null;
  const fewChannels = !conv.depthwise && inChannels < l.block;
  if (!fewChannels && inChannels % l.block !== 0) return null;
  const weights = conv.depthwise
    ? depthwiseFilter(l, l.plain(filter), sizes, conv.window.kernel)
    : denseFilter(l, l.plain(filter), inChannels, outChannels, conv.window);
  const input = fewChannels
    ? l.as(x, channelsFirst(sizes.axes))
    : blockedImage(l, x, sizes, sizes.inputSpatial);
  return emit(l, input, weights, conv.window, sizes.groups, epilogue, {
    shape: conv.outputShape,
    sizes,
    channels: outChannels,
  });
}

/**
 * The input gradient: at stride 1 dy convolved with the mirrored filter whose channels changed places, else
 * as many such convolutions as there are phases of the stride (strided-gradient.ts).
 */
export function blockedInputGradient(
  l: Lowering,
  dy: LazyNode,
  filter: LazyNode,
  conv: Convolution,
): Lowered | null {
  const sizes = convolutionSizes(conv);
  const { inChannels, outChannels } = sizes;
  if (!isBlockable(l, conv, sizes)) return null;
  const isWhole = outChannels % l.block === 0 && fillsBlocks(inChannels, l.block);
  const filled = (roundUp(inChannels, l.block) * roundUp(outChannels, l.block)) / (inChannels * outChannels);
  if (!isWhole && (conv.depthwise || filled > MOST_FILLED)) return null;
  const input = (): string =>
    outChannels % l.block === 0
      ? blockedImage(l, dy, { ...sizes, inChannels: outChannels }, sizes.outputSpatial)
      : filledImage(l, dy, sizes);
  const target = { shape: conv.inputShape, sizes, channels: inChannels };
  const plain = l.plain(filter);
  const weightsOf = (taps: readonly number[], kernel: readonly number[]): string =>
    conv.depthwise
      ? depthwiseFilter(l, chosenTaps(l.graph, plain, conv, taps), sizes, kernel)
      : turnedFilter(l, plain, conv, sizes, taps, kernel);
  if (isUnitStride(conv.window)) {
    const window = mirroredWindow(conv);
    if (window === null || window.after.some((size) => size < 0)) return null;
    const [height, width] = conv.window.kernel as [number, number];
    const taps = Array.from({ length: height * width }, (_, i) => height * width - 1 - i);
    return emit(l, input(), weightsOf(taps, window.kernel), window, sizes.groups, {}, target);
  }
  const phases = inChannels % l.block === 0 ? gradientPhases(conv, sizes) : null;
  if (phases === null) return null;
  const image = input();
  const { strides } = conv.window;
  const spatial = sizes.inputSpatial.map((size, i) => size / strides[i]!) as [number, number];
  const part = sizes.inputSpatial.reduce<number[]>(
    (shape, _, i) => shape.with(sizes.axes.spatial[i]!, spatial[i]!),
    [...conv.inputShape],
  );
  const physical = physicalShape(
    conv.inputShape,
    blockedLayout(sizes.axes.channels, sizes.axes.spatial, l.block),
  );
  const [batch, outer] = physical as [number, number];
  const names = phases.map((row) =>
    row.map(({ taps, kernel, before, after }) => {
      if (taps.length === 0) {
        const empty = l.graph.ints([batch, outer, ...spatial, l.block]);
        return l.graph.node('Expand', [l.graph.fill(0, 'float32', [1]), empty]);
      }
      const window = { kernel, strides: [1, 1], dilations: [1, 1], before, after };
      return emit(l, image, weightsOf(taps, kernel), window, sizes.groups, {}, { ...target, shape: part })
        .name;
    }),
  );
  const whole = interleavePhases(l.graph, names, [batch * outer, ...spatial, l.block]);
  const layout = blockedLayout(sizes.axes.channels, sizes.axes.spatial, l.block);
  return { name: l.graph.reshape(whole, physical), layout, shape: conv.inputShape };
}

/** Some taps of a filter [kh, kw, C, 1]. */
function chosenTaps(graph: GraphBuilder, plain: string, conv: Convolution, taps: readonly number[]): string {
  const [height, width, ...inner] = conv.filterShape as [number, number, ...number[]];
  const list = graph.reshape(plain, [height * width, ...inner]);
  return graph.node('Gather', [list, graph.constant('int32', [taps.length], taps)], { axis: 0 });
}

/** [kh, kw, I, O] with inputs and outputs exchanged, [I/b, O/b, taps, b of O, b of I], as [I,O,kh,kw]. */
function turnedFilter(
  l: Lowering,
  plain: string,
  conv: Convolution,
  { inChannels, outChannels }: ConvolutionSizes,
  chosen: readonly number[],
  kernel: readonly number[],
): string {
  const { graph, block } = l;
  const [height, width] = conv.window.kernel as [number, number];
  const [inputs, outputs] = [roundUp(inChannels, block), roundUp(outChannels, block)];
  const missing = [inputs - inChannels, outputs - outChannels];
  const name = missing.some((count) => count > 0)
    ? graph.node('Pad', [plain, graph.ints([0, 0, 0, 0, 0, 0, ...missing])])
    : plain;
  const source = { name, taps: height * width, inputs, outputs, chosen };
  return graph.reshape(exchangedFilter(graph, source, block), [inputs, outputs, ...kernel]);
}

/**
 * Up to so many times the work an input gradient is worth in blocks that are filled up with zeros: the plain
 * convolution does a quarter of what the blocked one does in that time.
 */
const MOST_FILLED = 2.5;

/** dy as an image in blocks, the last of which is filled up with zeros. */
function filledImage(l: Lowering, dy: LazyNode, { axes, outChannels }: ConvolutionSizes): string {
  const { graph } = l;
  const name = l.as(dy, channelsFirst(axes));
  // The operator fills the block itself, but wants groups of four.
  const missing = roundUp(outChannels, 4) - outChannels;
  const fours = missing > 0 ? graph.node('Pad', [name, graph.ints([0, 0, 0, 0, 0, missing, 0, 0])]) : name;
  return graph.node('ReorderInput', [fours], {}, NCHWC);
}

function isBlockable(l: Lowering, conv: Convolution, { groups, axes }: ConvolutionSizes): boolean {
  if (l.block === 1 || axes.spatial.length !== 2) return false;
  return conv.depthwise ? conv.filterShape.at(-1) === 1 && groups % l.block === 0 : groups === 1;
}

/**
 * Whether so many output channels are worth rounding up to whole blocks. Few are: the plain convolution is
 * slow for them.
 */
function fillsBlocks(channels: number, block: number): boolean {
  return channels < block / 2 || roundUp(channels, block) <= channels * 1.5;
}

function roundUp(channels: number, block: number): number {
  return Math.ceil(channels / block) * block;
}

/** A blocked activation with the shape [N,C,H,W] that the operators want to see. */
function blockedImage(l: Lowering, x: LazyNode, sizes: ConvolutionSizes, spatial: readonly number[]): string {
  const { axes, batch, inChannels } = sizes;
  const name = l.as(x, blockedLayout(axes.channels, axes.spatial, l.block));
  return l.graph.reshape(name, [batch, inChannels, ...spatial]);
}

/** [kh, kw, I, O] → [O/b, I/b, kh, kw, b of I, b of O]; with I < b: [O/b, I, kh, kw, b of O]. */
function denseFilter(l: Lowering, plain: string, inputs: number, outputs: number, window: Window): string {
  const { graph, block } = l;
  const [height, width] = window.kernel as [number, number];
  const missing = roundUp(outputs, block) - outputs;
  if (missing > 0) {
    const padded = graph.node('Pad', [plain, graph.ints([0, 0, 0, 0, 0, 0, 0, missing])]);
    return denseFilter(l, padded, inputs, outputs + missing, window);
  }
  if (inputs < block) {
    const cut = graph.reshape(plain, [height, width, inputs, outputs / block, block]);
    const moved = graph.node('Transpose', [cut], { perm: [3, 2, 0, 1, 4] });
    return graph.reshape(moved, [outputs, inputs, height, width]);
  }
  const chosen = Array.from({ length: height * width }, (_, i) => i);
  const source = { name: plain, taps: height * width, inputs, outputs, chosen };
  return graph.reshape(blockedFilter(graph, source, block), [outputs, inputs, height, width]);
}

/** [kh, kw, C, 1] → [C/b, kh, kw, b] */
function depthwiseFilter(
  l: Lowering,
  plain: string,
  { inChannels }: ConvolutionSizes,
  kernel: readonly number[],
): string {
  const cut = l.graph.reshape(plain, [...kernel, inChannels / l.block, l.block]);
  const moved = l.graph.node('Transpose', [cut], { perm: [2, 0, 1, 3] });
  return l.graph.reshape(moved, [inChannels, 1, ...kernel]);
}

interface Output {
  readonly shape: readonly number[];
  readonly sizes: ConvolutionSizes;
  readonly channels: number;
}

function emit(
  l: Lowering,
  input: string,
  weights: string,
  window: Window,
  group: number,
  { bias, ceiling, relu }: Epilogue,
  { shape, sizes, channels }: Output,
): Lowered {
  const operands = [input, weights];
  const missing = roundUp(channels, l.block) - channels;
  if (bias !== undefined) {
    const vector = l.graph.reshape(l.plain(bias), [channels]);
    operands.push(missing > 0 ? l.graph.node('Pad', [vector, l.graph.ints([0, missing])]) : vector);
  }
  const attributes = { ...windowAttributes(window), group, ...(relu ? fusedRelu(ceiling) : {}) };
  const image = [sizes.batch, roundUp(channels, l.block), ...sizes.axes.spatial.map((axis) => shape[axis]!)];
  const name = l.graph.shaped(l.graph.node('Conv', operands, attributes, NCHWC), image);
  if (missing > 0) {
    const layout = channelsFirst(sizes.axes);
    return { name: l.graph.node('ReorderOutput', [name], { channels }, NCHWC), layout, shape };
  }
  const layout = blockedLayout(sizes.axes.channels, sizes.axes.spatial, l.block);
  return { name: l.graph.reshape(name, physicalShape(shape, layout)), layout, shape };
}
