import { util } from '@tensorflow/tfjs-core';
import { permuted } from '../../graph/layout.ts';
import type { LazyNode } from '../../graph/lazy-node.ts';
import type { Lowered, Lowering } from '../../graph/lowering.ts';
import { channelsFirst } from '../window.ts';
import {
  type Convolution,
  type ConvolutionSizes,
  convolutionSizes,
  isUnitStride,
} from './convolution-geometry.ts';

/** With fewer input channels (those of an image) blocks and convolutions would do mostly nothing. */
const FEW_CHANNELS = 8;

/**
 * The input gradient as columns: what every output sends to every tap is one matrix product,
 * [I · kh · kw, O] · [O, positions], and Col2Im adds it up where the taps lie. No product meets a border or a
 * channel that only fills a block.
 *
 * @returns null where a convolution is faster, for groups, and for other than two spatial axes
 */
export function columnsGradient(
  l: Lowering,
  dy: LazyNode,
  filter: LazyNode,
  conv: Convolution,
): Lowered | null {
  const sizes = convolutionSizes(conv);
  const { axes, batch, groups, inChannels, outChannels, inputSpatial, outputSpatial } = sizes;
  // Col2Im is the processor's.
  if (l.isDevice || conv.depthwise || groups > 1 || axes.spatial.length !== 2) return null;
  if (inChannels >= FEW_CHANNELS && !isFaster(l, conv, sizes)) return null;
  const { graph } = l;
  const { kernel, strides, dilations, before, after } = conv.window;
  const layout = channelsFirst(axes);
  const d = graph.reshape(l.as(dy, layout), [batch, outChannels, util.sizeFromShape(outputSpatial)]);
  // [kh, kw, I, O] with the taps behind the inputs, as Col2Im counts them.
  const taps = graph.reshape(l.as(filter, permuted([2, 0, 1, 3])), [
    inChannels * util.sizeFromShape(kernel as number[]),
    outChannels,
  ]);
  const columns = graph.node('MatMul', [taps, d]);
  const attributes = { strides, dilations, pads: [...before, ...after] };
  const name = graph.node('Col2Im', [columns, graph.ints(inputSpatial), graph.ints(kernel)], attributes);
  return { name, layout, shape: conv.inputShape };
}

/** Multiply-adds in a nanosecond of one thread: of the product, of a convolution in blocks, of a plain one. */
const SPEED = { product: 33, blocked: 47, plain: 22 };
/** Nanoseconds in which Col2Im, which runs on one thread, adds a number. */
const ADDING = 0.7;
/** So much faster it must be. */
const ADVANTAGE = 1.2;

/**
 * Whether columns are faster than the convolution of dy with the mirrored filter. They are where borders are
 * wide (a 5 x 5 filter without padding makes 144 positions of 64) and channels do not fill blocks.
 */
function isFaster(l: Lowering, conv: Convolution, sizes: ConvolutionSizes): boolean {
  const { batch, inChannels, outChannels, inputSpatial, outputSpatial } = sizes;
  const taps = util.sizeFromShape(conv.window.kernel as number[]);
  const sent = batch * util.sizeFromShape(outputSpatial) * taps * inChannels;
  const columns = (sent * outChannels) / SPEED.product / l.threads + sent * ADDING;
  const positions = batch * util.sizeFromShape(isUnitStride(conv.window) ? inputSpatial : outputSpatial);
  const filled = (channels: number): number => Math.ceil(channels / l.block) * l.block;
  const convolution = Math.min(
    (inChannels * outChannels) / SPEED.plain,
    l.block > 1 ? (filled(inChannels) * filled(outChannels)) / SPEED.blocked : Number.POSITIVE_INFINITY,
  );
  return columns * ADVANTAGE < (positions * taps * convolution) / l.threads;
}
