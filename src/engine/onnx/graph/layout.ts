import type { GraphBuilder } from './graph-builder.ts';

/**
 * How a tensor lies in memory: `axes[p]` is the logical axis that the p-th physical axis walks along.
 *
 *     plain, rank 4              axes [0,1,2,3]    block 1   as the TensorFlow.js shape says (NHWC)
 *     channels first             axes [0,3,1,2]    block 1   NCHW
 *     blocked                    axes [0,3,1,2,3]  block 16  NC/16·HW·16: the axis that occurs twice is cut
 *                                                            into an outer part and an inner part of 16
 */
export interface Layout {
  readonly axes: readonly number[];
  readonly block: number;
}

/** The domain of ONNX Runtime's operators on blocked tensors. */
export const NCHWC = 'com.microsoft.nchwc';

const PLAIN: readonly Layout[] = Array.from({ length: 12 }, (_, rank) => ({
  axes: Array.from({ length: rank }, (_, axis) => axis),
  block: 1,
}));

export function plainLayout(rank: number): Layout {
  return PLAIN[rank]!;
}

export function permuted(axes: readonly number[]): Layout {
  return { axes, block: 1 };
}

/** The layout of ONNX Runtime's blocked convolutions: the channels cut into blocks, the blocks innermost. */
export function blockedLayout(channels: number, spatial: readonly number[], block: number): Layout {
  return { axes: [0, channels, ...spatial, channels], block };
}

export function isPlain(layout: Layout): boolean {
  return layout.block === 1 && layout.axes.every((axis, position) => axis === position);
}

export function sameLayout(a: Layout, b: Layout): boolean {
  return a === b || layoutKey(a) === layoutKey(b);
}

export function layoutKey(layout: Layout): string {
  return `${layout.axes.join('')}/${layout.block}`;
}

/** The logical axis that is cut into blocks, or -1. */
export function blockedAxis(layout: Layout): number {
  return layout.block === 1 ? -1 : layout.axes[layout.axes.length - 1]!;
}

/** The physical shape of a tensor of logical shape `shape`. An axis of size 1 (broadcast) is cut into 1·1. */
export function physicalShape(shape: readonly number[], layout: Layout): number[] {
  const blocked = blockedAxis(layout);
  const last = layout.axes.length - 1;
  return layout.axes.map((axis, position) => {
    const size = shape[axis]!;
    if (axis !== blocked || size === 1) return size;
    return position === last ? layout.block : size / layout.block;
  });
}

/** All physical axes that walk along the logical axis `axis`. */
export function physicalAxes(layout: Layout, axis: number): number[] {
  return layout.axes.flatMap((walked, position) => (walked === axis ? [position] : []));
}

/**
 * The layout that stays when the logical axes `removed` go (a reduction, a squeeze): the others keep their
 * physical order and are numbered anew. A cut axis stays cut.
 */
export function withoutAxes(layout: Layout, removed: readonly number[]): Layout {
  const left = layout.axes.filter((axis) => !removed.includes(axis));
  const renumbered = left.map((axis) => axis - removed.filter((gone) => gone < axis).length);
  const blocked = blockedAxis(layout);
  return { axes: renumbered, block: blocked === -1 || removed.includes(blocked) ? 1 : layout.block };
}

/** A cut axis whose two parts have become neighbours is whole again. */
export function mergeBlocks(layout: Layout): Layout {
  const blocked = blockedAxis(layout);
  const last = layout.axes.length - 1;
  if (blocked === -1 || layout.axes[last - 1] !== blocked) return layout;
  return { axes: layout.axes.slice(0, last), block: 1 };
}

/** The layout with `count` new logical axes of size 1 in front, as broadcasting adds them. */
export function withLeadingAxes(layout: Layout, count: number): Layout {
  if (count === 0) return layout;
  const leading = Array.from({ length: count }, (_, axis) => axis);
  return { axes: [...leading, ...layout.axes.map((axis) => axis + count)], block: layout.block };
}

/**
 * Brings a tensor of logical shape `shape` from one layout to another: at most a Reshape, a Transpose and a
 * Reshape, and no Transpose when only axes of size 1 change places.
 *
 * @param isFloat whether ONNX Runtime's operators into and out of blocks, which know floats only, may be used
 */
export function convertLayout(
  graph: GraphBuilder,
  name: string,
  shape: readonly number[],
  from: Layout,
  to: Layout,
  isFloat = true,
): string {
  if (sameLayout(from, to)) return name;
  const reordered = isFloat ? reorderBlocks(graph, name, shape, from, to) : null;
  if (reordered !== null) return reordered;
  const source = parts(shape, from, to);
  const target = parts(shape, to, from);
  const order = target.map((part) => source.findIndex((candidate) => candidate.id === part.id));
  let result = name;
  const moved = order.filter((position) => source[position]!.size > 1);
  if (moved.some((position, index) => index > 0 && position < moved[index - 1]!)) {
    result = reshapeIfNeeded(
      graph,
      result,
      physicalShape(shape, from),
      source.map((part) => part.size),
    );
    result = graph.node('Transpose', [result], { perm: order });
    return reshapeIfNeeded(
      graph,
      result,
      target.map((part) => part.size),
      physicalShape(shape, to),
    );
  }
  return reshapeIfNeeded(graph, result, physicalShape(shape, from), physicalShape(shape, to));
}

/** Into and out of blocks with ONNX Runtime's own operators, where these fit: images with channels first or last. */
function reorderBlocks(
  graph: GraphBuilder,
  name: string,
  shape: readonly number[],
  from: Layout,
  to: Layout,
): string | null {
  const [blocked, other] = from.block > 1 ? [from, to] : [to, from];
  if (blocked.axes.length !== 5 || other.block > 1) return null;
  const [batch, channels, height, width] = blocked.axes as [number, number, number, number];
  const order = other.axes.join();
  const channelsLast = order === [batch, height, width, channels].join();
  if (!channelsLast && order !== [batch, channels, height, width].join()) return null;
  const depth = shape[channels]!;
  if (depth === 1) return null;
  const image = [batch, channels, height, width].map((axis) => shape[axis]!);
  const last = channelsLast ? { channels_last: 1 } : {};
  if (from.block === 1) {
    const reordered = graph.shaped(graph.node('ReorderInput', [name], last, NCHWC), image);
    return graph.reshape(reordered, physicalShape(shape, to));
  }
  return graph.node('ReorderOutput', [graph.reshape(name, image)], { channels: depth, ...last }, NCHWC);
}

/** The physical axes of `layout`, cut as finely as either of the two layouts cuts them. */
function parts(shape: readonly number[], layout: Layout, other: Layout): { id: string; size: number }[] {
  const sizes = physicalShape(shape, layout);
  const blocked = blockedAxis(layout);
  const otherBlocked = blockedAxis(other);
  const last = layout.axes.length - 1;
  return layout.axes.flatMap((axis, position) => {
    const size = sizes[position]!;
    if (axis === blocked) return [{ id: `${axis}${position === last ? 'inner' : 'outer'}`, size }];
    if (axis !== otherBlocked) return [{ id: `${axis}`, size }];
    const inner = size === 1 ? 1 : other.block;
    return [
      { id: `${axis}outer`, size: size / inner },
      { id: `${axis}inner`, size: inner },
    ];
  });
}

function reshapeIfNeeded(
  graph: GraphBuilder,
  name: string,
  from: readonly number[],
  to: readonly number[],
): string {
  const same = from.length === to.length && from.every((size, position) => size === to[position]);
  return same ? name : graph.reshape(name, to);
}

/** The order of axes with the last two exchanged. */
export function lastTwoExchanged(rank: number): number[] {
  return Array.from({ length: rank }, (_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
}
