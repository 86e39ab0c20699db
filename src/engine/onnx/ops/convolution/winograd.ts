import { util } from '@tensorflow/tfjs-core';
import { permuted } from '../../graph/layout.ts';
import type { LazyNode } from '../../graph/lazy-node.ts';
import type { Epilogue, Lowered, Lowering } from '../../graph/lowering.ts';
import { emitRelu } from '../relu.ts';
import type { ActivationAxes, Window } from '../window.ts';
import { type Convolution, convolutionSizes, mirroredWindow } from './convolution-geometry.ts';
import { channelsLastResult } from './small-image-convolution.ts';
import { imageOf, type Tiling, tilesOf, tilingOf, transformed } from './winograd-tiles.ts';

/**
 * A 3 x 3 convolution by Winograd's minimal filtering, F(2 x 2, 3 x 3): 16 matrix products, [tiles, I] · [I,O], with 4
 * multiplications for a pixel of the result in place of 9. What is saved must pay for bringing image, filter and result
 * into that form, so it is done where channels are many (`isFaster`).
 *
 * The results differ from those of the definition by rounding, a few 1e-7 of the largest; what shares a tile with an
 * infinite pixel is NaN.
 *
 * @returns null for other windows, and where the definition is faster
 */
export function winogradConvolution(
  l: Lowering,
  x: LazyNode,
  filter: LazyNode,
  conv: Convolution,
  { bias, ceiling, relu, isTrained }: Epilogue & { readonly isTrained: boolean },
): Lowered | null {
  const plan = planOf(l, conv);
  if (plan === null) return null;
  const tilesAreThere = isTrained && areShared(plan) && isFasterForFilter(l, plan);
  if (!isFaster(l, plan, tilesAreThere)) return null;
  const { graph } = l;
  const { inChannels, outChannels, axes, tiling } = plan;
  const image = imageTiles(l, x, conv.window, plan);
  const weights = transformed(graph, 'filter', l.plain(filter), [inChannels, outChannels]);
  const product = graph.node('MatMul', [image, weights]);
  let name = result(l, product, outChannels, tiling);
  if (bias !== undefined) name = graph.node('Add', [name, graph.reshape(l.plain(bias), [outChannels])]);
  if (relu) name = emitRelu(graph, name, ceiling);
  return channelsLastResult(l, name, conv.outputShape, axes);
}

/** The input gradient: the same with dy and the turned filter whose channels changed places. */
export function winogradInputGradient(
  l: Lowering,
  dy: LazyNode,
  filter: LazyNode,
  conv: Convolution,
): Lowered | null {
  const window = planOf(l, conv) && mirroredWindow(conv);
  if (window === null || window.after.some((size) => size < 0)) return null;
  const [inChannels, outChannels] = conv.filterShape.slice(-2) as [number, number];
  const plan = planOf(l, {
    ...conv,
    window,
    inputShape: conv.outputShape,
    outputShape: conv.inputShape,
    filterShape: [3, 3, outChannels, inChannels],
  });
  if (plan === null || !isFaster(l, plan, false)) return null;
  const { graph } = l;
  const image = imageTiles(l, dy, window, plan, { matrix: 'turnedImage' });
  // As the value has it.
  const weights = transformed(graph, 'filter', l.plain(filter), [inChannels, outChannels]);
  const product = graph.node('FusedMatMul', [image, weights], { transA: 0, transB: 1 }, 'com.microsoft');
  const gradient = result(l, product, inChannels, plan.tiling, 'turnedResult');
  return channelsLastResult(l, gradient, conv.inputShape, plan.axes);
}

/** The filter gradient, the adjoint in the filter: [I, tiles] · [tiles, O], 16 times. */
export function winogradFilterGradient(
  l: Lowering,
  x: LazyNode,
  dy: LazyNode,
  conv: Convolution,
): Lowered | null {
  const plan = planOf(l, conv);
  if (plan === null || !isFasterForFilter(l, plan)) return null;
  const { graph } = l;
  const { inChannels, outChannels, axes, tiling } = plan;
  const channels = [...tiling.spatial, outChannels] as const;
  const derivative = tilesOf(graph, l.as(dy, channelsLast(axes)), channels, tiling, 2);
  const operands = [
    imageTiles(l, x, conv.window, plan, areShared(plan) ? {} : { label: 'again' }),
    transformed(graph, 'resultGradient', derivative, [tiling.tiles, outChannels]),
  ];
  const product = graph.node('FusedMatMul', operands, { transA: 1, transB: 0 }, 'com.microsoft');
  const taps = transformed(graph, 'filterGradient', product, [inChannels, outChannels]);
  return l.result(graph.reshape(taps, conv.filterShape), conv.filterShape);
}

interface Plan {
  readonly axes: ActivationAxes;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inputSpatial: readonly number[];
  /** Of the result. */
  readonly tiling: Tiling;
}

/** Of more places in tiles the lists would be long. */
const MOST_PLACES = 1 << 18;
/** So many numbers at most are an image in tiles, four times what it is otherwise. */
const MOST_NUMBERS = 1 << 26;
/** So many at most are kept from the value to the filter gradient; larger ones are made twice. */
const MOST_KEPT = 1 << 20;

function planOf(l: Lowering, conv: Convolution): Plan | null {
  if (l.isDevice) return null;
  // The lists of places hold for one size of batch.
  if (l.anyBatch) return null;
  const { axes, batch, groups, inputSpatial, outputSpatial } = convolutionSizes(conv);
  const { kernel, strides, dilations } = conv.window;
  if (conv.depthwise || groups > 1 || kernel.length !== 2 || kernel.some((size) => size !== 3)) return null;
  if ([...strides, ...dilations].some((step) => step !== 1)) return null;
  const tiling = tilingOf(batch, outputSpatial);
  const [inChannels, outChannels] = [conv.inputShape[axes.channels]!, conv.outputShape[axes.channels]!];
  const places = 16 * tiling.tiles;
  if (places > MOST_PLACES || places * Math.max(inChannels, outChannels) > MOST_NUMBERS) return null;
  return { axes, inChannels, outChannels, inputSpatial, tiling };
}

const channelsLast = ({ spatial, channels }: ActivationAxes) => permuted([0, ...spatial, channels]);

/** Whether the tiles of the image are made once, for value and filter gradient. */
const areShared = ({ tiling, inChannels }: Plan): boolean => 16 * tiling.tiles * inChannels <= MOST_KEPT;

/** [16, tiles, I] */
function imageTiles(
  l: Lowering,
  x: LazyNode,
  { before }: Window,
  plan: Plan,
  { label = '', matrix = 'image' }: { label?: string; matrix?: 'image' | 'turnedImage' } = {},
): string {
  const { axes, inChannels, inputSpatial, tiling } = plan;
  const size = [...inputSpatial, inChannels] as unknown as [number, number, number];
  const pixels = tilesOf(l.graph, l.as(x, channelsLast(axes)), size, tiling, 4, before, label);
  return transformed(l.graph, matrix, pixels, [tiling.tiles, inChannels]);
}

/** [16, tiles, O] → [N,H,W,O] */
function result(
  l: Lowering,
  product: string,
  channels: number,
  tiling: Tiling,
  matrix: 'result' | 'turnedResult' = 'result',
): string {
  const parts = transformed(l.graph, matrix, product, [tiling.tiles, channels]);
  return imageOf(l.graph, parts, channels, tiling);
}

/** Multiply-adds in a nanosecond of one thread. */
const SPEED = { products: 42, sums: 35, transform: 22, blocked: 52, plain: 22, taps: 30 };
/** Nanoseconds to gather a number, to bring one from one layout to another, and one of a filter into blocks. */
const MOVING = { gather: 0.7, layout: 0.5, filter: 1.2 };
/** Nanoseconds to bring a 3 x 3 filter into the 16 numbers of its form, and back. */
const FILTER = { forth: 16, back: 10 };
/** So much faster it must be. */
const ADVANTAGE = 1.1;

/** @param tilesAreThere whether the tiles of the image are made anyway, for the filter gradient */
function isFaster(l: Lowering, plan: Plan, tilesAreThere: boolean): boolean {
  const { inChannels, outChannels, inputSpatial, tiling } = plan;
  const { tiles } = tiling;
  const weights = inChannels * outChannels;
  const positions = tiling.batch * util.sizeFromShape(tiling.spatial as unknown as number[]);
  const inputs = tiling.batch * util.sizeFromShape(inputSpatial as number[]) * inChannels;
  const filled = (channels: number): number => Math.ceil(channels / l.block) * l.block;
  const perPosition =
    l.block > 1
      ? Math.min(weights / SPEED.plain, (filled(inChannels) * filled(outChannels)) / SPEED.blocked)
      : weights / SPEED.plain;
  const direct = 9 * positions * perPosition + 9 * weights * MOVING.filter;
  const winograd =
    16 * tiles * (wide(inChannels, outChannels) / SPEED.products) +
    (tilesAreThere ? 0 : imageCost(plan)) +
    tiles * outChannels * (64 / SPEED.transform + 4 * MOVING.gather) +
    weights * FILTER.forth +
    (inputs + positions * outChannels) * MOVING.layout;
  return winograd * ADVANTAGE < direct;
}

function isFasterForFilter(l: Lowering, plan: Plan): boolean {
  const { inChannels, outChannels, tiling } = plan;
  const { tiles } = tiling;
  const weights = inChannels * outChannels;
  const positions = tiling.batch * util.sizeFromShape(tiling.spatial as unknown as number[]);
  // The slices of the taps run on one thread.
  const direct =
    (9 * positions * weights) / SPEED.taps / l.threads + 9 * positions * inChannels * MOVING.layout;
  const winograd =
    16 * tiles * (wide(inChannels, outChannels) / SPEED.sums) +
    imageCost(plan) +
    tiles * outChannels * (64 / SPEED.transform + 4 * MOVING.gather) +
    weights * FILTER.back;
  return (winograd / l.threads) * ADVANTAGE < direct;
}

function imageCost({ inChannels, tiling }: Plan): number {
  return 16 * tiling.tiles * inChannels * (16 / SPEED.transform + MOVING.gather);
}

/** Products of few rows or columns take the time of 16. */
const wide = (rows: number, columns: number): number => Math.max(rows, 16) * Math.max(columns, 16);
