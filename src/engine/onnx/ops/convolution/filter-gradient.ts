import { util } from '@tensorflow/tfjs-core';
import type { GraphBuilder } from '../../graph/graph-builder.ts';
import { blockedLayout, NCHWC, permuted, sameLayout } from '../../graph/layout.ts';
import type { LazyNode } from '../../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../../graph/lowering.ts';
import { channelsFirst, type Window, windowAttributes } from '../window.ts';
import { type Convolution, type ConvolutionSizes, convolutionSizes } from './convolution-geometry.ts';

/** Up to this many rows (taps · input channels) all taps go into one product. */
const FEW_ROWS = 160;

/** So many blocks of channels are brought into one matrix. */
const MANY_BLOCKS = 4;

/** With fewer input channels the taps of one row of the filter go into one product. */
const NARROW = 32;
/** Elements, 256 MiB of floats: of what all taps see, and of the products of all images. */
const MOST_STACKED = 1 << 26;
/** Of more positions the list would be long. */
const MOST_GATHERED = 1 << 16;

/**
 * The gradient of a convolution with respect to its filter: for every tap of the filter the product of the
 * input under that tap with dy, summed over the batch and all positions.
 *
 * With channels last that is one matrix product per tap, [I,K] · [K,O] with K = N · H · W, which needs no
 * sum afterwards and gives the rows of the filter [kh, kw, I, O] as they lie. For few input channels the
 * taps are stacked into one product. Grouped and depthwise filters are walked with channels first.
 */
export function filterGradient(l: Lowering, x: LazyNode, dy: LazyNode, conv: Convolution): Lowered {
  const sizes = convolutionSizes(conv);
  if (conv.depthwise && sizes.inChannels === sizes.outChannels) {
    const blocked = blockedDepthwiseGradient(l, x, dy, conv, sizes);
    if (blocked !== null) return blocked;
  }
  if (sizes.groups > 1) return groupedFilterGradient(l, x, dy, conv, sizes);
  const { graph } = l;
  const { channels, spatial } = sizes.axes;
  const { inChannels, outChannels } = sizes;
  const taps = allTaps(conv.window);
  if (taps.length > 1 && (taps.length * inChannels <= FEW_ROWS || fitsDevice(l, sizes, taps.length))) {
    return stackedTaps(l, x, dy, conv, sizes);
  }
  const positions = sizes.batch * util.sizeFromShape(sizes.outputSpatial);
  const channelsLast = permuted([0, ...spatial, channels]);
  const d = graph.reshape(l.as(dy, channelsLast), [positions, outChannels]);
  const padded = padSpatial(graph, l.as(x, channelsLast), conv.window, 1);
  // The operand that is packed anew for every product should be the narrow one.
  const turned = outChannels > inChannels;
  const isNarrow = inChannels < NARROW && spatial.length === 2 && positions <= MOST_GATHERED;
  const unders = isNarrow
    ? underRows(graph, padded, conv.window, sizes)
    : taps.map((tap) => underTap(graph, padded, tap, conv.window, sizes, 1));
  const width = isNarrow ? conv.window.kernel[1]! * inChannels : inChannels;
  const products = unders.map((name) => {
    const under = graph.reshape(name, [positions, width]);
    return positionProduct(l, turned ? [d, under] : [under, d], positions, width, outChannels);
  });
  const product = turned
    ? graph.node('Transpose', [joined(graph, products, 1)], { perm: [1, 0] })
    : joined(graph, products, 0);
  return l.result(graph.reshape(product, conv.filterShape), conv.filterShape);
}

/** On a device every operator costs its call, so that all taps go into one product while memory allows it. */
function fitsDevice({ isDevice }: Lowering, sizes: ConvolutionSizes, taps: number): boolean {
  const { batch, inChannels, outChannels, outputSpatial } = sizes;
  const rows = batch * taps * inChannels;
  return isDevice && rows * Math.max(outChannels, util.sizeFromShape(outputSpatial)) <= MOST_STACKED;
}

/**
 * For few input channels, and on a device: what all taps see of an image, [taps · I, positions], times dy of that image, as it lies
 * (channels last, or in blocks), [positions, O]; then the sum over the images.
 */
function stackedTaps(
  l: Lowering,
  x: LazyNode,
  dy: LazyNode,
  conv: Convolution,
  sizes: ConvolutionSizes,
): Lowered {
  const { graph, block } = l;
  const { axes, batch, inChannels, outChannels, outputSpatial } = sizes;
  const taps = allTaps(conv.window);
  const rows = taps.length * inChannels;
  const positions = util.sizeFromShape(outputSpatial);
  const padded = padSpatial(graph, l.as(x, channelsFirst(axes)), conv.window, 2);
  const unders = taps.map((tap) => underTap(graph, padded, tap, conv.window, sizes, 2));
  const stacked = joined(graph, unders, 1);
  const blocked = blockedLayout(axes.channels, axes.spatial, block);
  // Products of one block are slow; many are brought into one.
  const isBlocked =
    block > 1 &&
    axes.spatial.length === 2 &&
    outChannels < MANY_BLOCKS * block &&
    sameLayout(l.value(dy).layout, blocked);
  const [parts, width] = isBlocked ? [outChannels / block, block] : [1, outChannels];
  const left = graph.reshape(stacked, [batch, 1, rows, positions]);
  const isChannelsFirst = sameLayout(l.value(dy).layout, channelsFirst(axes));
  const layout = isBlocked ? blocked : permuted([0, ...axes.spatial, axes.channels]);
  const product = isChannelsFirst
    ? graph.product(left, graph.reshape(l.as(dy, channelsFirst(axes)), [batch, 1, outChannels, positions]), {
        transB: true,
        ranks: [4, 4],
      })
    : graph.node('MatMul', [left, graph.reshape(l.as(dy, layout), [batch, parts, positions, width])]);
  const sum = graph.node('ReduceSum', [product, graph.ints([0])], { keepdims: 0 });
  const filter = parts === 1 ? sum : graph.node('Transpose', [sum], { perm: [1, 0, 2] });
  return l.result(graph.reshape(filter, conv.filterShape), conv.filterShape);
}

/** Products of at most so many elements are divided along the positions, not along rows or columns. */
const SMALL_PRODUCT = 1 << 14;

/**
 * aᵀ · b, summed over the positions. Two threads that share a small product both pack all of one operand; where
 * each has half of the positions they do not, and the halves are added.
 */
function positionProduct(
  l: Lowering,
  [a, b]: readonly string[],
  positions: number,
  inChannels: number,
  outChannels: number,
): string {
  const { graph, threads } = l;
  const product = (left: string, right: string, rank: number): string =>
    graph.product(left, right, { transA: true, ranks: [rank, rank] });
  const isWhole = threads === 1 || positions % threads !== 0 || inChannels * outChannels > SMALL_PRODUCT;
  if (l.isDevice || isWhole) return product(a!, b!, 2);
  const [left, right] = [a!, b!].map((name) => graph.reshape(name, [threads, positions / threads, -1]));
  return graph.node('ReduceSum', [product(left!, right!, 3), graph.ints([0])], { keepdims: 0 });
}

function groupedFilterGradient(
  l: Lowering,
  x: LazyNode,
  dy: LazyNode,
  conv: Convolution,
  sizes: ConvolutionSizes,
): Lowered {
  const { graph } = l;
  const layout = channelsFirst(sizes.axes);
  const padded = padSpatial(graph, l.as(x, layout), conv.window, 2);
  const d = l.as(dy, layout);
  const taps = allTaps(conv.window).map((tap) => underTap(graph, padded, tap, conv.window, sizes, 2));
  const stacked = groupedTaps(graph, taps, d, conv, sizes);
  return l.result(graph.reshape(stacked, conv.filterShape), conv.filterShape);
}

/**
 * One filter per channel, in blocks: the input convolved with dy as filter, every channel of every image with
 * its own. Strides and dilations change places. All taps in one pass, then a sum over the images.
 *
 * @returns null where blocks do not apply
 */
function blockedDepthwiseGradient(
  l: Lowering,
  x: LazyNode,
  dy: LazyNode,
  conv: Convolution,
  sizes: ConvolutionSizes,
): Lowered | null {
  const { graph, block } = l;
  const { channels, spatial } = sizes.axes;
  const { batch, inChannels, inputSpatial, outputSpatial } = sizes;
  if (block === 1 || spatial.length !== 2 || inChannels % block !== 0) return null;
  const { kernel, strides, dilations, before, after } = conv.window;
  const layout = blockedLayout(channels, spatial, block);
  const planes = batch * inChannels;
  const operands = [
    graph.reshape(l.as(x, layout), [1, planes, ...inputSpatial]),
    graph.reshape(l.as(dy, layout), [planes, 1, ...outputSpatial]),
  ];
  // Rows that no window reached would give more taps than there are.
  const unused = inputSpatial.map((size, i) => {
    const reach = (outputSpatial[i]! - 1) * strides[i]! + (kernel[i]! - 1) * dilations[i]! + 1;
    return size + before[i]! + after[i]! - reach;
  });
  const window = {
    kernel: outputSpatial,
    strides: dilations,
    dilations: strides,
    before,
    after: after.map((size, i) => Math.max(0, size - unused[i]!)),
  };
  const result = graph.node('Conv', operands, { ...windowAttributes(window), group: planes }, NCHWC);
  const found = kernel.map((size, i) => {
    const left = unused[i]! - (after[i]! - window.after[i]!);
    return size + Math.floor(left / dilations[i]!);
  });
  const perImage = graph.reshape(result, [batch, inChannels / block, ...found, block]);
  const sum = graph.node('ReduceSum', [perImage, graph.ints([0])], { keepdims: 0 });
  const taps = found.every((size, i) => size === kernel[i])
    ? sum
    : graph.node('Slice', [sum, graph.ints([0, 0]), graph.ints(kernel), graph.ints([1, 2])]);
  const filter = graph.node('Transpose', [taps], { perm: [1, 2, 0, 3] });
  return l.result(graph.reshape(filter, conv.filterShape), conv.filterShape);
}

function groupedTaps(
  graph: GraphBuilder,
  taps: string[],
  dy: string,
  conv: Convolution,
  sizes: ConvolutionSizes,
): string {
  const { batch, groups, inChannels, outChannels } = sizes;
  const [groupIn, groupOut] = [inChannels / groups, outChannels / groups];
  const positions = util.sizeFromShape(sizes.outputSpatial);
  const d = graph.reshape(dy, [batch, groups, groupOut, positions]);
  const products = taps.map((tap) => {
    const under = graph.reshape(tap, [batch, groups, groupIn, positions]);
    const product = graph.product(under, d, { transB: true, ranks: [4, 4] });
    return graph.node('ReduceSum', [product, graph.ints([0])], { keepdims: 0 });
  });
  const stacked = joined(graph, products, 0);
  if (conv.depthwise) return stacked;
  // [taps, G, I, O] with the groups next to their outputs: [taps, I, G, O]
  const apart = graph.reshape(stacked, [taps.length, groups, groupIn, groupOut]);
  return graph.node('Transpose', [apart], { perm: [0, 2, 1, 3] });
}

function joined(graph: GraphBuilder, names: string[], axis: number): string {
  return names.length === 1 ? names[0]! : graph.node('Concat', names, { axis });
}

/** Pads the spatial axes, with `first` axes in front of them and `inner` behind. */
export function padSpatial(
  graph: GraphBuilder,
  name: string,
  { before, after }: Pick<Window, 'before' | 'after'>,
  first: 1 | 2,
): string {
  if ([...before, ...after].every((amount) => amount === 0)) return name;
  const front = new Array<number>(first).fill(0);
  const back = new Array<number>(2 - first).fill(0);
  return graph.node('Pad', [name, graph.ints([...front, ...before, ...back, ...front, ...after, ...back])]);
}

/** Every position within the filter, in the order of the filter's spatial axes. */
function allTaps({ kernel }: Window): number[][] {
  return kernel.reduce<number[][]>(
    (taps, size) => taps.flatMap((tap) => Array.from({ length: size }, (_, i) => [...tap, i])),
    [[]],
  );
}

/** What each row of the filter sees of the padded input, channels last: [positions, kw · I] each. */
function underRows(
  graph: GraphBuilder,
  padded: string,
  { kernel, strides, dilations, before, after }: Window,
  { batch, inChannels, inputSpatial, outputSpatial }: ConvolutionSizes,
): string[] {
  const [height, width] = inputSpatial.map((size, i) => size + before[i]! + after[i]!) as [number, number];
  const [rows, columns] = outputSpatial as [number, number];
  const pixels = graph.reshape(padded, [batch * height * width, inChannels]);
  return Array.from({ length: kernel[0]! }, (_, tap) => {
    const seen: number[] = [];
    for (let n = 0; n < batch; n++) {
      for (let y = 0; y < rows; y++) {
        const line = (n * height + y * strides[0]! + tap * dilations[0]!) * width;
        for (let x = 0; x < columns; x++) {
          for (let k = 0; k < kernel[1]!; k++) seen.push(line + x * strides[1]! + k * dilations[1]!);
        }
      }
    }
    return graph.node('Gather', [pixels, graph.constant('int32', [seen.length], seen)], { axis: 0 });
  });
}

/** What the tap sees of the padded input while the filter moves. */
function underTap(
  graph: GraphBuilder,
  padded: string,
  tap: readonly number[],
  window: Window,
  sizes: ConvolutionSizes,
  first: 1 | 2,
): string {
  const starts = tap.map((at, i) => at * window.dilations[i]!);
  const ends = starts.map((start, i) => start + (sizes.outputSpatial[i]! - 1) * window.strides[i]! + 1);
  const full = sizes.inputSpatial.map((size, i) => size + window.before[i]! + window.after[i]!);
  if (starts.every((start, i) => start === 0 && ends[i] === full[i] && window.strides[i] === 1))
    return padded;
  const axes = tap.map((_, i) => i + first);
  const { strides } = window;
  const cut = (name: string, ...lists: (readonly number[])[]): string =>
    graph.node('Slice', [name, ...lists.map((list) => graph.ints(list))]);
  if (first === 1 || strides.every((stride) => stride === 1)) return cut(padded, starts, ends, axes, strides);
  // Few elements lie together here: what has the same place under the stride is put together once for all taps.
  const phase = starts.map((start, i) => start % strides[i]!);
  const together = cut(padded, phase, full, axes, strides);
  const from = starts.map((start, i) => Math.floor(start / strides[i]!));
  const to = from.map((start, i) => start + sizes.outputSpatial[i]!);
  return cut(
    together,
    from,
    to,
    axes,
    strides.map(() => 1),
  );
}
